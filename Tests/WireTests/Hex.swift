import System

/// The bytes that hexadecimal text spells; white space is skipped.
func bytes(hex text: String) -> [UInt8] {
    guard let bytes = [UInt8](hexadecimal: text.filter { !$0.isWhitespace }) else {
        preconditionFailure("hexadecimal text")
    }
    return bytes
}
