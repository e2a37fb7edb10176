import Client
import Wire

extension Worker {
    /// Compares delivered bytes with what was put there, while they are in the cache.
    mutating func check(_ lane: Int, _ offset: UInt64, _ memory: UnsafeRawBufferPointer) {
        guard plan.verify, lanes[lane].wrongAt == nil, let block = lanes[lane].get?.block
        else { return }
        let start = block.offset + offset
        guard
            let place = pattern.firstDifference(
                memory, object: lanes[lane].object, offset: start)
        else { return }
        lanes[lane].wrongAt = start + UInt64(place)
    }
}
