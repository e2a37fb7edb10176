import CURing
import Glibc
import System

extension Request {
    /// Fills a submission entry. Every branch is one `io_uring_prep_*` of liburing.
    @inline(__always)
    func fill(_ entry: UnsafeMutablePointer<io_uring_sqe>) {
        switch self {
        case .nop: io_uring_prep_nop(entry)
        case .answer(let result): curing_prep_nop_result(entry, result)
        case .accept(let listener, let address):
            // A fixed file is never inherited across exec, and the kernel refuses SOCK_CLOEXEC for
            // one.
            fillAccept(entry, listener, address, flags: 0)
            curing_set_direct(entry)
        case .acceptPlain(let listener, let address):
            fillAccept(entry, listener, address, flags: O_CLOEXEC)
        case .socket(let family):
            io_uring_prep_socket(entry, family, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0, 0)
        case .connect(let socket, let address):
            let storage = UnsafeRawPointer(address).assumingMemoryBound(to: sockaddr.self)
            io_uring_prep_connect(entry, socket.number, storage, address.pointee.length)
            entry.mark(socket)
        case .receive(let socket, let memory, let count, let waitAll):
            io_uring_prep_recv(
                entry, socket.number, memory, count, waitAll ? Int32(MSG_WAITALL) : 0)
            entry.mark(socket)
        case .send(let socket, let memory, let count, let more):
            let flags =
                Int32(MSG_NOSIGNAL) | Int32(MSG_WAITALL)
                | (more ? Int32(MSG_MORE) : 0)
            io_uring_prep_send(entry, socket.number, memory, count, flags)
            entry.mark(socket)
        case .sendZeroCopy(let socket, let memory, let count, let registered):
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_WAITALL)
            let report = UInt32(CURING_SEND_ZC_REPORT_USAGE)
            if registered {
                // Registered memory is pinned already; other memory is pinned for every send.
                io_uring_prep_send_zc_fixed(
                    entry, socket.number, memory, count, flags, report, 0)
            } else {
                io_uring_prep_send_zc(entry, socket.number, memory, count, flags, report)
            }
            entry.mark(socket)
        case .shutdown(let socket, let sendingOnly):
            let half = sendingOnly ? SHUT_WR : SHUT_RDWR
            io_uring_prep_shutdown(entry, socket.number, Int32(half))
            entry.mark(socket)
        case .disconnect(let socket):
            io_uring_prep_connect(
                entry, socket.number, Self.nowhere, socklen_t(MemoryLayout<sockaddr>.size))
            entry.mark(socket)
        case .cancel(let target):
            io_uring_prep_cancel64(entry, target.bits, 0)
        default: fillFile(entry)
        }
    }

    /// An address of no family; lives as long as the process.
    private nonisolated(unsafe) static let nowhere: UnsafePointer<sockaddr> = {
        let address = UnsafeMutablePointer<sockaddr>.allocate(capacity: 1)
        address.initialize(to: sockaddr())
        address.pointee.sa_family = sa_family_t(AF_UNSPEC)
        return UnsafePointer(address)
    }()

    @inline(__always)
    private func fillFile(_ entry: UnsafeMutablePointer<io_uring_sqe>) {
        switch self {
        case .open(let directory, let path, let flags, let mode):
            io_uring_prep_openat(entry, directory.number, path, flags, mode)
            curing_set_direct(entry)
        case .read(let file, let memory, let count, let offset, let registered):
            if registered {
                io_uring_prep_read_fixed(entry, file.number, memory, UInt32(count), offset, 0)
            } else {
                io_uring_prep_read(entry, file.number, memory, UInt32(count), offset)
            }
            entry.mark(file)
        case .write(let file, let memory, let count, let offset, let registered):
            if registered {
                io_uring_prep_write_fixed(entry, file.number, memory, UInt32(count), offset, 0)
            } else {
                io_uring_prep_write(entry, file.number, memory, UInt32(count), offset)
            }
            entry.mark(file)
        case .sync(let file, let dataOnly):
            io_uring_prep_fsync(entry, file.number, dataOnly ? UInt32(IORING_FSYNC_DATASYNC) : 0)
            entry.mark(file)
        case .allocate(let file, let mode, let offset, let count):
            io_uring_prep_fallocate(entry, file.number, mode, Int(offset), Int(count))
            entry.mark(file)
        case .rename(let directory, let from, let to, let replacing):
            io_uring_prep_renameat(
                entry, directory.number, from, directory.number, to,
                replacing ? 0 : CURING_RENAME_NOREPLACE)
        case .unlink(let directory, let path):
            io_uring_prep_unlinkat(entry, directory.number, path, 0)
        case .close(let file):
            if file.isFixed {
                io_uring_prep_close_direct(entry, UInt32(file.number))
            } else {
                io_uring_prep_close(entry, file.number)
            }
        default: preconditionFailure("a request that no branch fills")
        }
    }

    @inline(__always)
    private func fillAccept(
        _ entry: UnsafeMutablePointer<io_uring_sqe>, _ listener: Descriptor,
        _ address: UnsafeMutablePointer<SocketAddress>, flags: Int32
    ) {
        let memory = UnsafeMutableRawPointer(address)
        let length = memory + MemoryLayout<SocketAddress>.offset(of: \.length).unsafelyUnwrapped
        io_uring_prep_accept(
            entry, listener.number, memory.assumingMemoryBound(to: sockaddr.self),
            length.assumingMemoryBound(to: socklen_t.self), flags)
        entry.mark(listener)
    }
}

extension UnsafeMutablePointer where Pointee == io_uring_sqe {
    /// Says that the entry's descriptor is an index of the fixed file table.
    @inline(__always)
    fileprivate func mark(_ descriptor: Descriptor) {
        if descriptor.isFixed { pointee.flags |= CURING_FIXED_FILE }
    }
}
