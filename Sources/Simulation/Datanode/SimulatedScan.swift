import DataPath
import Reactor
import System
import Wire

/// What a starting datanode finds on its simulated disks, judged as `BlockScan` judges files: two
/// header pages each, no payload.
struct SimulatedScan {
    private(set) var index = BlockIndex()
    private(set) var spares: [[RecycledFiles.File]] = []
    private let cluster: ClusterID

    init(_ disks: [(disk: SimulatedDisk, device: DeviceID)], cluster: ClusterID) {
        self.cluster = cluster
        for (place, (disk, device)) in disks.enumerated() {
            spares.append([])
            for name in disk.files { take(name, place, disk, device) }
        }
    }

    private mutating func take(
        _ name: String, _ place: Int, _ disk: SimulatedDisk, _ device: DeviceID
    ) {
        if let number = RecycledFiles.number(of: name) {
            let bytes = min(disk.size(of: name) ?? 0, disk.allocatedBytes(of: name))
            let pages = UInt32(clamping: bytes / BlockLayout.headerBytes)
            return spares[place].append(RecycledFiles.File(number: number, pages: pages))
        }
        guard let number = UInt64(hexadecimal: name.prefix(16)) else { return }
        let block = BlockID(number)
        guard let header = Self.header(of: block, on: disk), header.cluster == cluster,
            header.device == device, header.block == block
        else { return mayBeLost(block, place) }
        let isSealed = header.state == .sealed
        let record = BlockRecord(
            epoch: header.epoch, length: isSealed ? header.length : 0, checksum: header.checksum,
            state: isSealed ? .sealed : .mayBeLost, isFound: true, device: place,
            incarnation: header.incarnation)
        if let other = index[block], other.epoch > record.epoch { return }
        index.set(block, record)
    }

    private mutating func mayBeLost(_ block: BlockID, _ place: Int) {
        guard index[block] == nil else { return }
        index.set(
            block,
            BlockRecord(
                epoch: Epoch(0), length: 0, checksum: 0, state: .mayBeLost, device: place))
    }

    /// The newer header copy of a block's file, as it lies there now.
    static func header(of block: BlockID, on disk: SimulatedDisk) -> BlockHeader? {
        var pages = disk.bytes(of: "\(block).blk", from: 0, count: 2 * BlockLayout.headerBytes)
        pages += [UInt8](repeating: 0, count: 2 * BlockLayout.headerBytes - pages.count)
        return pages.withUnsafeBytes { memory in
            guard let base = memory.baseAddress,
                case .success(let newest) = BlockHeader.newest(of: base, block: block)
            else { return nil }
            return newest.header
        }
    }
}
