import Glibc

/// The system's words for an error number, such as "No such file or directory".
package func errorText(_ number: CInt) -> String {
    // Not strerror, whose buffer other threads share (strerror.3).
    var buffer = [CChar](repeating: 0, count: 128)
    guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
    let text = String(
        decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return switch number {
    // Wherever it comes up, this process is short of them, and not whom it talks to.
    case EMFILE: "\(text): raise ulimit -n (LimitNOFILE)"
    case EADDRINUSE: "\(text): another process listens there, choose another port"
    default: text
    }
}

/// A system call that failed, in words.
package struct SystemFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package let call: String
    package let code: CInt

    package init(_ call: String, code: CInt = errno) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(errorText(code))" }
}
