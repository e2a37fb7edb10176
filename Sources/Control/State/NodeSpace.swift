import Wire

/// What a node's working devices have, all together.
package struct NodeSpace: Sendable {
    package private(set) var capacityBytes: UInt64 = 0
    package private(set) var usedBytes: UInt64 = 0
    /// Room on the emptiest one: a block lies on one device.
    package private(set) var roomBytes: UInt64 = 0

    init(_ devices: [ControlDevice]) {
        for device in devices where !device.failed {
            capacityBytes &+= device.capacityBytes
            usedBytes &+= device.usedBytes
            roomBytes = max(roomBytes, device.freeBytes)
        }
    }
}
