import Foundation
import Wire

/// Judges a Hello.
enum Handshake {
    /// The reply but for its challenge. Any code but `ok` ends the connection.
    static func answer(_ hello: ControlHello, cluster: ClusterID) -> ControlHelloReply {
        var reply = ControlHelloReply()
        let ours = ControlFrame.versions
        guard hello.protocolMin <= ours.upperBound, hello.protocolMax >= ours.lowerBound,
            hello.protocolMin <= hello.protocolMax
        else {
            reply.code = .wrongVersion
            reply.message =
                "this namenode speaks protocol \(ours.lowerBound) to \(ours.upperBound), "
                + "the caller \(hello.protocolMin) to \(hello.protocolMax)"
            return reply
        }
        guard hello.role == .client || hello.role == .datanode else {
            reply.code = .malformed
            reply.message = "a Hello says whether the caller is a client or a datanode"
            return reply
        }
        if !hello.clusterID.isEmpty {
            guard let named = ClusterID(bytes: hello.clusterID) else {
                reply.code = .malformed
                reply.message = "a cluster id has 16 bytes"
                return reply
            }
            guard named == cluster else {
                reply.code = .wrongCluster
                reply.message = "the caller belongs to cluster \(named), this is \(cluster)"
                return reply
            }
        }
        reply.protocol = min(hello.protocolMax, ours.upperBound)
        reply.clusterID = Data(cluster.bytes)
        return reply
    }
}
