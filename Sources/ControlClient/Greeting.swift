import FoundationEssentials
import Wire

/// The two messages a connection begins with: what a caller says, and what the answer must hold.
package struct Greeting {
    package let cluster: ClusterID
    package let version: UInt32
    package let challenge: [UInt8]

    /// What a caller says first.
    package static func hello(
        role: ControlRole, cluster: ClusterID?, software: String
    ) -> ControlHello {
        var hello = ControlHello()
        hello.protocolMin = ControlFrame.versions.lowerBound
        hello.protocolMax = ControlFrame.versions.upperBound
        hello.clusterID = Data(cluster?.bytes ?? [])
        hello.role = role
        hello.software = software
        return hello
    }

    package init(_ reply: ControlHelloReply, expected: ClusterID?) throws(ControlFailure) {
        let found = ClusterID(bytes: reply.clusterID)
        switch reply.code {
        case .ok: break
        case .wrongVersion: throw .wrongVersion(reply.message)
        case .wrongCluster:
            throw .wrongCluster(expected: expected ?? .none, found: found ?? .none)
        default: throw .refused(.init(code: reply.code, message: reply.message))
        }
        guard let found else { throw .malformed("its greeting names no cluster") }
        if let expected, expected != found {
            throw .wrongCluster(expected: expected, found: found)
        }
        guard ControlFrame.versions.contains(reply.protocol) else {
            throw .wrongVersion("it chose version \(reply.protocol)")
        }
        cluster = found
        version = reply.protocol
        challenge = Array(reply.challenge)
    }
}
