import Glibc

/// The addresses of an endpoint, as the system's resolver orders them.
final class AddressList {
    private let first: UnsafeMutablePointer<addrinfo>?
    private let name: String
    let count: Int

    /// More addresses of one name than this are not tried.
    static let most = 8

    init(_ endpoint: Endpoint) throws(ControlFailure) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &found)
        guard code == 0 else {
            let reason =
                code == EAI_SYSTEM ? systemSentence(errno) : String(cString: gai_strerror(code))
            throw .unreachable(address: endpoint.description, reason: reason)
        }
        first = found
        name = endpoint.description
        var counted = 0
        var entry = found
        while let current = entry, counted < Self.most {
            counted += 1
            entry = current.pointee.ai_next
        }
        count = counted
    }

    deinit { freeaddrinfo(first) }

    /// A connected, non-blocking descriptor, closed on exec.
    func connect(_ index: Int, before deadline: Deadline) throws(ControlFailure) -> CInt {
        var entry = first
        for _ in 0..<index { entry = entry?.pointee.ai_next }
        guard let info = entry?.pointee else { preconditionFailure("index is below count") }
        let type = info.ai_socktype | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.ai_family, type, info.ai_protocol)
        guard descriptor != -1 else { throw failed(errno) }
        do throws(ControlFailure) {
            try finish(descriptor, info, before: deadline)
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private func finish(
        _ descriptor: CInt, _ info: addrinfo, before deadline: Deadline
    ) throws(ControlFailure) {
        if Glibc.connect(descriptor, info.ai_addr, info.ai_addrlen) == -1 {
            let number = errno
            guard number == EINPROGRESS || number == EINTR else { throw failed(number) }
            guard wait(descriptor, CInt(POLLOUT), before: deadline) else {
                throw .timedOut(address: name, milliseconds: deadline.duration)
            }
        }
        var pending: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &pending, &length)
        guard pending == 0 else { throw failed(pending) }
        // A request is one small write that waits for its answer: nothing to gather.
        var on: CInt = 1
        setsockopt(
            descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on,
            socklen_t(MemoryLayout<CInt>.size))
    }

    private func failed(_ number: CInt) -> ControlFailure {
        .unreachable(address: name, reason: systemSentence(number))
    }
}
