import ControlClient
import Foundation
import System
import ToolSupport
import Wire

/// A connection between a coordinator and a host: control frames with JSON in them.
package struct HostLink: ~Copyable {
    private let socket: Socket
    private var decoder = ControlFrameDecoder()
    private static let receiveBytes = 64 << 10

    /// Connects to a host that serves.
    package init(to endpoint: Endpoint) throws(LoadFailure) {
        do throws(ControlFailure) {
            socket = try Socket(endpoint, before: Deadline(after: 5_000))
        } catch {
            throw Self.failure(error)
        }
    }

    package init(_ socket: consuming Socket) { self.socket = socket }

    package func send(_ message: some Encodable) throws(LoadFailure) {
        let frame: [UInt8]
        do {
            frame = try ControlFrame.framed(Array(try JSONEncoder().encode(message)))
        } catch {
            throw LoadFailure(.software, "a message does not fit a frame: \(error)")
        }
        do throws(ControlFailure) {
            try socket.send(frame, before: Deadline(after: 10_000))
        } catch {
            throw Self.failure(error)
        }
    }

    /// The next message, or `nil` when none came within `milliseconds`.
    package mutating func receive<Message: Decodable>(
        _ type: Message.Type, within milliseconds: Int64
    ) throws(LoadFailure) -> Message? {
        let deadline = Deadline(after: milliseconds)
        while true {
            if let message = try nextMessage(type) { return message }
            do throws(ControlFailure) {
                decoder.append(try socket.receive(most: Self.receiveBytes, before: deadline))
            } catch .timedOut {
                return nil
            } catch {
                throw Self.failure(error)
            }
        }
    }

    private mutating func nextMessage<Message: Decodable>(
        _ type: Message.Type
    ) throws(LoadFailure) -> Message? {
        do {
            guard let body = try decoder.next() else { return nil }
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw LoadFailure(
                .unavailable, "what answered is no catena-load of this version (\(error))")
        }
    }

    /// The other side is no namenode, so its failure is told in other words.
    private static func failure(_ failure: ControlFailure) -> LoadFailure {
        switch failure {
        case .unreachable(_, let reason), .unknownHost(_, let reason):
            LoadFailure(.unavailable, reason)
        case .timedOut(_, let milliseconds):
            LoadFailure(.unavailable, "it took nothing for \(milliseconds) ms")
        default: LoadFailure(failure)
        }
    }
}

/// What a coordinator asks of a host that serves.
package enum HostOrder: Codable, Sendable {
    case prepare(LoadPlan)
    case run(Phase)
    /// The phase that runs ends, and those that follow are empty.
    case cancel
    case end
}

/// What the host answers. While a phase runs it says so each second.
package enum HostAnswer: Codable, Sendable {
    case ready
    case running
    case done(PhaseResult)
    case failed(LoadFailure)
}
