/// A machine of a simulated world: its process's descriptors, its disks, the rings that run on it.
final class SimulatedNode {
    let name: String
    unowned let world: SimulatedWorld
    /// The address its own connections come from.
    let host: String
    /// Down from a crash until the next ring is made.
    var isDown = false
    var rings: [SimulatedRingCore] = []
    var sockets: [SimulatedSocket] = []
    var plain: DescriptorTable<SimulatedObject>
    private(set) var disks: [String: SimulatedDisk] = [:]
    private(set) var diskNames: [String] = []

    init(name: String, number: Int, world: SimulatedWorld) {
        self.name = name
        self.world = world
        host = "10.255.\(number / 250).\(number % 250 + 1)"
        plain = DescriptorTable(capacity: world.settings.plainDescriptors, first: 3)
    }

    func disk(_ name: String) -> SimulatedDisk {
        if let disk = disks[name] { return disk }
        let disk = SimulatedDisk(name: name, capacity: world.settings.diskBytes)
        disks[name] = disk
        diskNames.append(name)
        return disk
    }
}
