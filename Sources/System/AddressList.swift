import Glibc

/// Why an endpoint cannot be reached.
package enum DialFailure: Error, Equatable, Sendable {
    /// No connection. `reason` is the system's sentence.
    case unreachable(address: String, reason: String)
    /// The host's name has no address. `reason` is the resolver's sentence.
    case unknownHost(address: String, reason: String)
    case timedOut(address: String, milliseconds: Int64)
}

/// The addresses of an endpoint, as the system's resolver orders them: the one place where a name
/// becomes addresses.
package struct AddressList: Sendable {
    /// More addresses of one name than this are not tried.
    package static let most = 8

    package let addresses: [SocketAddress]
    private let name: String

    package init(_ addresses: [SocketAddress], of name: String) {
        self.addresses = Array(addresses.prefix(Self.most))
        self.name = name
    }

    /// Asks the system's resolver, which takes what it takes; a numeric address costs nothing.
    package init(_ endpoint: Endpoint) throws(DialFailure) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &found)
        guard code == 0 else {
            let reason =
                code == EAI_SYSTEM ? errorText(errno) : String(cString: gai_strerror(code))
            // These can pass; the others say that there is no such name.
            guard code != EAI_AGAIN, code != EAI_SYSTEM, code != EAI_MEMORY else {
                throw .unreachable(address: endpoint.description, reason: reason)
            }
            throw .unknownHost(address: endpoint.description, reason: reason)
        }
        defer { freeaddrinfo(found) }
        var addresses: [SocketAddress] = []
        var entry = found
        while let current = entry?.pointee {
            let bytes = UnsafeRawBufferPointer(
                start: current.ai_addr, count: Int(current.ai_addrlen))
            addresses.append(SocketAddress(bytes))
            entry = current.ai_next
        }
        self.init(addresses, of: endpoint.description)
    }

    /// Connects to the first address that answers, each dialled a quarter of a second after the one
    /// before.
    /// - Returns: its place, and a connected, non-blocking descriptor, closed on exec.
    package func connect(
        before deadline: Deadline
    ) throws(DialFailure) -> (place: Int, descriptor: CInt) {
        var race = DialRace(addresses.count)
        var running: [(place: Int, descriptor: CInt)] = []
        defer { for entry in running { close(entry.descriptor) } }
        var last = DialFailure.unreachable(address: name, reason: "the name has no address")
        while !race.isLost {
            if deadline.passed {
                throw .timedOut(address: name, milliseconds: deadline.duration)
            }
            if let place = race.next(at: MonotonicClock.milliseconds) {
                do throws(DialFailure) {
                    running.append((place, try dial(addresses[place])))
                } catch {
                    race.oneFailed()
                    last = error
                }
                continue
            }
            let wake = min(race.wakeAt ?? .max, deadline.at) - MonotonicClock.milliseconds
            guard let index = firstReady(running.map(\.descriptor), milliseconds: wake) else {
                continue
            }
            let (place, descriptor) = running.remove(at: index)
            let number = pendingError(descriptor)
            if number == 0 { return (place, descriptor) }
            close(descriptor)
            race.oneFailed()
            last = failed(number)
        }
        throw last
    }

    private func dial(_ address: SocketAddress) throws(DialFailure) -> CInt {
        let type = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = socket(address.family, CInt(type), 0)
        guard descriptor != -1 else { throw failed(errno) }
        let result = address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
        if result == -1, errno != EINPROGRESS, errno != EINTR {
            let number = errno
            close(descriptor)
            throw failed(number)
        }
        return descriptor
    }

    private func pendingError(_ descriptor: CInt) -> CInt {
        var pending: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &pending, &length)
        return pending
    }

    private func failed(_ number: CInt) -> DialFailure {
        .unreachable(address: name, reason: errorText(number))
    }
}

/// Waits until one of them can be written to, which a finished connect can, well or not.
/// - Returns: its index; `nil` when none was in time.
private func firstReady(_ descriptors: [CInt], milliseconds: Int64) -> Int? {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLOUT), revents: 0) }
    let ready = poll(&entries, nfds_t(entries.count), CInt(clamping: max(0, milliseconds)))
    guard ready > 0 else { return nil }
    return entries.firstIndex { $0.revents != 0 }
}

/// When which address of a name is dialled, as a pure state: the next one begins when the one
/// before has had `head` of time without an answer, or has failed, and the first that answers wins
/// (RFC 8305). So an address that drops packets costs a quarter of a second, not a deadline.
struct DialRace {
    /// The head start of each, milliseconds.
    static let head: Int64 = 250

    private let count: Int
    private var begun = 0
    private var failed = 0
    private var nextAt = Int64.min

    init(_ count: Int) { self.count = count }

    /// - Parameter now: milliseconds.
    /// - Returns: the place of an address that is to be dialled now; `nil`: none.
    mutating func next(at now: Int64) -> Int? {
        guard begun < count, begun == failed || now >= nextAt else { return nil }
        nextAt = now + Self.head
        begun += 1
        return begun - 1
    }

    /// When the next one is to be dialled; `nil`: all were.
    var wakeAt: Int64? { begun < count ? nextAt : nil }

    mutating func oneFailed() { failed += 1 }

    var isLost: Bool { failed == count }
}
