import Glibc

/// The system's sentence for an error number, such as "No such file or directory".
package func systemSentence(_ number: CInt) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
    let text = String(
        decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    // Wherever it comes up, this process is short of them, and not whom it talks to.
    return number == EMFILE ? "\(text): raise ulimit -n (LimitNOFILE)" : text
}
