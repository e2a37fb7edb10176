import CURing
import Glibc
import System

/// Sends some bytes over loopback without a copy, and hears from the kernel whether it copied.
enum LoopbackProbe {
    private static let count = 64 << 10

    /// `nil` when the kernel does not say (before 6.2) or the probe did not get through.
    static func copies() throws(RingFailure) -> Bool? {
        var settings = KernelRing.Settings()
        settings.submissions = 8
        settings.completions = 16
        settings.files = 8
        var ring = try KernelRing(settings)
        guard let any = SocketAddress(host: "127.0.0.1", port: 0) else { return nil }
        let (listener, address) = try ring.listen(on: any, backlog: 1)
        defer { close(listener.number) }
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard client >= 0 else { return nil }
        defer { close(client) }
        var target = address
        let isConnected = withUnsafePointer(to: &target.storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, address.length) == 0
            }
        }
        let server = accept(listener.number, nil, nil)
        guard isConnected, server >= 0 else { return nil }
        defer { close(server) }
        return try send(&ring, client, server)
    }

    private static func send(
        _ ring: inout KernelRing, _ client: Int32, _ server: Int32
    ) throws(RingFailure) -> Bool? {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
        let token = OperationToken(kind: 1, generation: 1, slot: 0)
        precondition(
            ring.prepare(
                .sendZeroCopy(.plain(client), memory, count: count, registered: false),
                token: token),
            "a new ring has room")
        let end = ring.now + 1_000_000_000
        var isRead = false
        while ring.now < end {
            try ring.submit(until: min(end, ring.now + 10_000_000))
            var completion = Completion(token: .nobody, result: 0)
            while ring.reap(into: &completion, limit: 1) == 1 {
                if completion.isNotification { return completion.wasCopied }
                if completion.result < 0 || !completion.hasMore { return nil }
            }
            // The kernel lets go of the memory when the other side has read it.
            if !isRead {
                var bytes = [UInt8](repeating: 0, count: count)
                isRead = recv(server, &bytes, count, Int32(MSG_DONTWAIT)) > 0
            }
        }
        // The memory must not go while the kernel may still read it: reset the connection.
        shutdown(client, Int32(SHUT_RDWR))
        return nil
    }
}
