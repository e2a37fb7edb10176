import Foundation
import Wire

/// What an agent's messages say of the node itself, as it is when they are made.
package protocol AgentNode {
    /// In the order in which the records number them.
    func deviceReports() -> [DeviceReport]
    /// Counted up in every directory, so that an older copy of them is known; 0 when nobody counts.
    func beginGeneration() -> UInt64
}

/// One device, as its agent sees it.
package struct DeviceReport: Sendable {
    package var id: DeviceID
    package var path: String
    package var room: DeviceRoom
    /// The same number, the same file system; 0: not known.
    package var fileSystem: UInt64 = 0

    package init(id: DeviceID, path: String, room: DeviceRoom) {
        self.id = id
        self.path = path
        self.room = room
    }
}

extension [DeviceReport] {
    func messages(_ outbox: Outbox, _ location: String) -> [ControlDevice] {
        let failed = outbox.failedDevices
        return enumerated().map { place, facts in
            var device = ControlDevice()
            device.failed = failed[place] != nil
            device.deviceID = Data(facts.id.bytes)
            device.location = location
            device.capacityBytes = facts.room.capacity
            device.freeBytes = facts.room.usable
            device.usedBytes =
                facts.room.capacity - Swift.min(facts.room.capacity, facts.room.usable)
            device.path = facts.path
            device.fileSystem = facts.fileSystem
            return device
        }
    }
}

extension ScrubProgress {
    func message(of device: DeviceID) -> ControlDeviceScrub {
        var message = ControlDeviceScrub()
        message.deviceID = Data(device.bytes)
        message.pass = passes
        message.passBlocks = passBlocks
        message.passDone = passDone
        message.passBytes = passBytes
        message.blocks = blocks
        message.bytes = bytes
        message.bad = bad
        message.asked = asked
        return message
    }
}
