import Glibc
import Reactor
import System
import Testing

struct FileCase: ConformanceCase {
    var testDescription: String { "open, write, read, sync, close" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let file = try machine.opened("file", O_CREAT | O_EXCL | O_RDWR)
        let source = machine.memory()
        var pattern = Pattern(seed: 1)
        pattern.fill(source, count: 5000)
        func write(_ offset: UInt64) -> Request {
            .write(file, source, count: 5000, offset: offset, registered: false)
        }
        #expect(try machine.run(write(0)) == 5000)
        #expect(try machine.run(write(10_000)) == 5000)
        #expect(try machine.run(.sync(file, dataOnly: true)) == 0)
        let target = machine.memory(32768)
        #expect(
            try machine.run(.read(file, target, count: 20_000, offset: 0, registered: false))
                == 15_000)
        #expect(memcmp(source, target, 5000) == 0)
        #expect(memcmp(source, target + 10_000, 5000) == 0)
        #expect((5000..<10_000).allSatisfy { target.load(fromByteOffset: $0, as: UInt8.self) == 0 })
        #expect(
            try machine.run(.read(file, target, count: 10, offset: 15_000, registered: false)) == 0)
        try machine.close(file)
        #expect(try machine.run(.sync(file, dataOnly: false)) == -EBADF)
        #expect(try machine.unlink("file") == 0)
    }
}

struct FileErrorsCase: ConformanceCase {
    var testDescription: String { "what cannot be opened says why" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        #expect(try machine.open("absent", O_RDONLY) == -ENOENT)
        #expect(try machine.open("absent/file", O_CREAT | O_RDWR) == -ENOENT)
        #expect(try machine.open("", O_RDONLY) == -ENOENT)
        #expect(try machine.open(".", O_RDWR) == -EISDIR)
        let file = try machine.opened("there", O_CREAT | O_RDWR)
        #expect(try machine.open("there", O_CREAT | O_EXCL | O_RDWR) == -EEXIST)
        #expect(try machine.open("there", O_RDONLY | O_DIRECTORY) == -ENOTDIR)
        #expect(try machine.unlink("absent") == -ENOENT)
        #expect(try machine.unlink(".") != 0)
        #expect(try machine.rename("absent", "other") == -ENOENT)
        let readOnly = try machine.opened("there", O_RDONLY)
        #expect(
            try machine.run(
                .write(readOnly, machine.memory(), count: 1, offset: 0, registered: false))
                == -EBADF)
        try machine.close(file)
        try machine.close(readOnly)
        #expect(try machine.unlink("there") == 0)
    }
}

struct NamesCase: ConformanceCase {
    var testDescription: String { "rename replaces, unlink leaves what is open" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let one = try machine.opened("one", O_CREAT | O_RDWR)
        let two = try machine.opened("two", O_CREAT | O_RDWR)
        machine.memory().storeBytes(of: 0x31, as: UInt8.self)
        machine.memory(4096).storeBytes(of: 0x32, as: UInt8.self)
        func write(_ file: Descriptor, _ memory: UnsafeMutableRawPointer) -> Request {
            .write(file, memory, count: 1, offset: 0, registered: false)
        }
        #expect(try machine.run(write(one, machine.memory())) == 1)
        #expect(try machine.run(write(two, machine.memory(4096))) == 1)
        #expect(try machine.rename("one", "two", replacing: false) == -EEXIST)
        #expect(try machine.rename("one", "three", replacing: false) == 0)
        #expect(try machine.rename("three", "one", replacing: false) == 0)
        #expect(try machine.rename("one", "two") == 0)
        #expect(try machine.open("one", O_RDONLY) == -ENOENT)
        let target = machine.memory(8192)
        let moved = try machine.opened("two", O_RDONLY)
        func read(_ file: Descriptor) -> Request {
            .read(file, target, count: 8, offset: 0, registered: false)
        }
        #expect(try machine.run(read(moved)) == 1)
        #expect(target.load(as: UInt8.self) == 0x31)
        // The replaced file lives on behind its descriptor.
        #expect(try machine.run(read(two)) == 1)
        #expect(target.load(as: UInt8.self) == 0x32)
        #expect(try machine.unlink("two") == 0)
        #expect(try machine.run(read(moved)) == 1)
        #expect(try machine.open("two", O_RDONLY) == -ENOENT)
        for file in [one, two, moved] { try machine.close(file) }
    }
}

struct DirectorySyncCase: ConformanceCase {
    var testDescription: String { "a directory opens, syncs and closes" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let directory = try machine.opened(".", O_RDONLY | O_DIRECTORY)
        #expect(try machine.run(.sync(directory, dataOnly: false)) == 0)
        #expect(try machine.run(.sync(machine.directory, dataOnly: false)) == 0)
        #expect(
            try machine.run(
                .read(directory, machine.memory(), count: 8, offset: 0, registered: false))
                == -EISDIR)
        try machine.close(directory)
    }
}

struct AllocateCase: ConformanceCase {
    var testDescription: String { "allocate grows a file, or keeps its size when asked" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let file = try machine.opened("room", O_CREAT | O_RDWR)
        let keepSize: Int32 = 1
        func read() -> Request {
            .read(file, machine.memory(), count: 65536, offset: 0, registered: false)
        }
        #expect(
            try machine.run(.allocate(file, mode: keepSize, offset: 0, count: 32768)) == 0)
        #expect(try machine.run(read()) == 0)
        #expect(try machine.run(.allocate(file, mode: 0, offset: 0, count: 32768)) == 0)
        #expect(try machine.run(read()) == 32768)
        #expect(try machine.run(.allocate(file, mode: 0, offset: 0, count: 0)) == -EINVAL)
        try machine.close(file)
        let again = try machine.opened("room", O_RDWR | O_TRUNC)
        #expect(
            try machine.run(
                .read(again, machine.memory(), count: 8, offset: 0, registered: false)) == 0)
        try machine.close(again)
        #expect(try machine.unlink("room") == 0)
    }
}

struct DirectCase: ConformanceCase {
    var testDescription: String { "registered pages move with O_DIRECT, unaligned ones do not" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let index = try machine.open("direct", O_CREAT | O_RDWR | directFlag)
        guard index >= 0 else {
            Issue.record("this file system has no O_DIRECT (\(errorText(-index))): not checked")
            return
        }
        let file = Descriptor.fixed(index)
        let source = machine.memory()
        let target = machine.memory(131_072)
        var pattern = Pattern(seed: 2)
        pattern.fill(source, count: 65536)
        #expect(
            try machine.run(.write(file, source, count: 65536, offset: 8192, registered: true))
                == 65536)
        #expect(
            try machine.run(.read(file, target, count: 65536, offset: 8192, registered: true))
                == 65536)
        #expect(memcmp(source, target, 65536) == 0)
        #expect(
            try machine.run(.write(file, source, count: 100, offset: 0, registered: true))
                == -EINVAL)
        #expect(
            try machine.run(.write(file, source, count: 4096, offset: 100, registered: true))
                == -EINVAL)
        try machine.close(file)
        #expect(try machine.unlink("direct") == 0)
    }

    private var directFlag: Int32 { 0o40000 }
}

struct UnregisteredCase: ConformanceCase {
    var testDescription: String { "memory outside the registered region is refused" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let file = try machine.opened("outside", O_CREAT | O_RDWR)
        let other = try BufferRegion(byteCount: 4096)
        let memory = try #require(other.bytes.baseAddress)
        #expect(
            try machine.run(.write(file, memory, count: 4096, offset: 0, registered: true))
                == -EFAULT)
        try machine.close(file)
        #expect(try machine.unlink("outside") == 0)
    }
}
