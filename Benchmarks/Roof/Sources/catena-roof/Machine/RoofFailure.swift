import Glibc

/// What ended a measurement, in a sentence.
struct RoofFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// For a call that failed with `number`, an errno.
    init(_ what: String, errno number: Int32) {
        description = "\(what): \(String(cString: strerror(number)))"
    }

    /// Says so on standard error; `who` is the process that failed.
    func tell(as who: String) {
        var line = "\(who): \(description)\n"
        // Nobody is left to be told when this fails.
        _ = line.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
