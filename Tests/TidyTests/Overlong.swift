extension Rules {
    /// Files that were there before the rule, and how many lines of each are too long. The numbers
    /// only go down; an entry whose file is in order goes.
    static let overlong: [String: Int] = [
        "Sources/Wire/CRC32C.swift": 4,
        "Sources/Wire/Control/ControlFrame.swift": 2,
        "Sources/Wire/Frames/ErrorReport.swift": 2,
        "Sources/Wire/Frames/FrameHeader+Codec.swift": 4,
        "Sources/Wire/Frames/FrameHeader.swift": 4,
        "Sources/Wire/Frames/Operation.swift": 1,
        "Sources/Wire/Identifiers.swift": 1,
        "Sources/Wire/Level.swift": 1,
        "Sources/Wire/Limits.swift": 1,
        "Sources/Wire/Status.swift": 2,
        "Sources/Wire/Tokens/Chain.swift": 2,
        "Sources/Wire/Tokens/Receipt.swift": 2,
        "Sources/Wire/Tokens/SigningKey.swift": 2,
        "Sources/Wire/Tokens/Token.swift": 4,
        "Sources/Wire/Tokens/TokenCheck.swift": 4,
    ]
}
