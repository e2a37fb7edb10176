import Control
import Foundation
import Wire

/// A datanode as far as the namenode can tell.
struct FakeNode {
    let id: NodeID
    var incarnation: IncarnationID
    var generation: UInt64 = 0
    let device: DeviceID
    var session: UInt64 = 0
    var sequence: UInt64 = 0
    var keys: [SigningKey] = []
    var current = KeyID(0)
    var location = ""
    var host = "127.0.0.1"
    var port: UInt32
    var free: UInt64 = 1 << 40
    var used: UInt64 = 0

    private static let challenge = [UInt8](40..<56)

    init(_ number: UInt64) {
        id = NodeID(high: 0, low: number)
        incarnation = IncarnationID(high: 1, low: number)
        device = DeviceID(high: 2, low: number)
        port = 9_000 + UInt32(number)
    }

    var devices: [ControlDevice] {
        var message = ControlDevice()
        message.deviceID = Data(device.bytes)
        message.location = location
        message.capacityBytes = 1 << 40
        message.usedBytes = used
        message.freeBytes = free
        return [message]
    }

    func register(challenge: [UInt8], secret: [UInt8]) -> ControlRegister {
        var message = ControlRegister()
        message.nodeID = Data(id.bytes)
        message.incarnation = Data(incarnation.bytes)
        message.host = host
        message.port = port
        message.devices = devices
        message.generation = generation
        message.proof = proof(over: challenge + id.bytes + incarnation.bytes, secret)
        message.challenge = Data(Self.challenge)
        return message
    }

    func heartbeat(challenge: [UInt8], secret: [UInt8]) -> ControlHeartbeat {
        var message = ControlHeartbeat()
        message.nodeID = Data(id.bytes)
        message.session = session
        message.sequence = sequence
        message.devices = devices
        let number = (0..<8).map { UInt8(truncatingIfNeeded: session >> ($0 * 8)) }
        message.proof = proof(over: challenge + id.bytes + number, secret)
        message.challenge = Data(Self.challenge)
        return message
    }

    private func proof(over covered: [UInt8], _ secret: [UInt8]) -> Data {
        MembershipProof.make(covered, secret: secret)
    }

    mutating func accept(_ keys: [ControlSigningKey], current: UInt64, now: Int64) {
        self.current = KeyID(current)
        let seal = KeySeal(
            secret: Desk.secret, node: id, namenode: Desk.challenge, datanode: Self.challenge)
        self.keys = keys.compactMap {
            let age = $0.ageMs
            let id = KeyID($0.keyID)
            return seal.open(Array($0.sealed), id: id).flatMap { secret in
                SigningKey(id: id, secret: secret, made: now - Int64(age))
            }
        }
    }

    var ring: KeyRing { KeyRing(keys, current: current) }

    /// What this node would sign when it seals the block as the head of its chain.
    func receipt(
        _ plan: ControlBlockPlan, length: UInt64, level: Level = .durable, cluster: ClusterID
    ) -> ControlReceipt {
        let receipt = Receipt(
            level: level, checksum: UInt32(truncatingIfNeeded: plan.block * 7), key: current,
            cluster: cluster, block: BlockID(plan.block), epoch: Epoch(plan.epoch), length: length)
        var message = ControlReceipt()
        message.block = plan.block
        message.epoch = plan.epoch
        message.length = length
        message.crc = receipt.checksum
        message.level = ControlLevel(rawValue: Int(level.rawValue)) ?? .received
        message.keyID = current.number
        if let key = ring[current] { message.signature = Data(receipt.signature(with: key)) }
        return message
    }

    static func state(
        _ block: UInt64, _ state: ControlBlockState.State, length: UInt64 = 0, epoch: UInt64 = 1,
        incarnation: UInt32 = 0
    ) -> ControlBlockState {
        var message = ControlBlockState()
        message.block = block
        message.epoch = epoch
        message.length = length
        message.crc = UInt32(truncatingIfNeeded: block &* 7)
        message.state = state
        message.incarnation = incarnation
        return message
    }
}
