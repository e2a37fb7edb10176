/// Something a descriptor names: a socket, a listener, an open file, a directory.
///
/// Table entries and operations each hold a reference, as in the kernel: closing a descriptor takes
/// its number back at once, and the object ends when the last operation on it has ended too.
class SimulatedObject {
    private var references = 0
    private(set) var hasEnded = false

    func hold() { references += 1 }

    func letGo() {
        precondition(references > 0, "a simulated object is let go once per reference")
        references -= 1
        guard references == 0 else { return }
        hasEnded = true
        end()
    }

    /// The last reference is gone.
    func end() {}
}

/// A directory that a descriptor names.
final class SimulatedDirectory: SimulatedObject {
    let disk: SimulatedDisk
    /// The path below the disk, empty for the disk itself.
    let path: String

    init(disk: SimulatedDisk, path: String) {
        self.disk = disk
        self.path = path
    }

    /// A path below this directory as a path below the disk.
    func resolve(_ name: String) -> String {
        let parts = (path + "/" + name).split(separator: "/").filter { $0 != "." }
        return parts.joined(separator: "/")
    }
}

/// A file as one `open` gave it.
final class SimulatedOpenFile: SimulatedObject {
    let disk: SimulatedDisk
    let file: SimulatedFile
    let flags: Int32

    init(disk: SimulatedDisk, file: SimulatedFile, flags: Int32) {
        self.disk = disk
        self.file = file
        self.flags = flags
        super.init()
        file.opens += 1
    }

    override func end() {
        file.opens -= 1
        disk.forget(file)
    }
}
