/// An open file or socket as ring operations name it: an index of the ring's fixed file table, or a
/// plain descriptor of the process. Fixed files spare the kernel a reference count per operation.
public struct Descriptor: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
    @usableFromInline
    let raw: Int32

    @inlinable
    init(raw: Int32) { self.raw = raw }

    @inlinable
    public static func fixed(_ index: Int32) -> Self { Self(raw: index) }
    @inlinable
    public static func plain(_ descriptor: Int32) -> Self { Self(raw: ~descriptor) }
    /// Nothing is open.
    @inlinable
    public static var none: Self { Self(raw: Int32.min) }

    @inlinable
    public var isFixed: Bool { raw >= 0 }
    @inlinable
    public var isNone: Bool { raw == Int32.min }
    /// The table index or the process's descriptor.
    @inlinable
    public var number: Int32 { raw >= 0 ? raw : ~raw }

    public var description: String {
        isNone ? "none" : isFixed ? "fixed \(number)" : "fd \(number)"
    }
}
