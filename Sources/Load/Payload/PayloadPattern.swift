import System

/// Bytes that can be made and checked at any place of any object, and that nothing can compress: a
/// pure function of (seed, object, 4-KiB page of the object).
///
/// Each page is the output of eight 64-bit xorshift generators side by side (G. Marsaglia,
/// "Xorshift RNGs", 2003), seeded by SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of the three.
/// A page is small so that a frame at any offset costs little more than its own bytes.
package struct PayloadPattern: Sendable, Equatable {
    package static let pageBytes = 4096
    /// Of one step of the generators: their states, and the same plus an odd constant, which no
    /// compressor relates and which costs less than a step.
    private static let stepBytes = 128
    private static let halfBytes = 64
    private static let gamma = Lanes(repeating: 0x9e37_79b9_7f4a_7c15)

    package let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// Fills `memory` with an object's bytes from `offset` on.
    package func fill(
        _ memory: UnsafeMutableRawBufferPointer, object: UInt64, offset: UInt64
    ) {
        guard let base = memory.baseAddress else { return }
        var done = 0
        while done < memory.count {
            let place = offset + UInt64(done)
            let skip = Int(place % UInt64(Self.pageBytes))
            let count = min(Self.pageBytes - skip, memory.count - done)
            var state = state(object, page: place / UInt64(Self.pageBytes))
            Self.fillPage(base + done, &state, skip: skip, count: count)
            done += count
        }
    }

    /// The place in `memory` of the first byte that is not the object's, or `nil`.
    package func firstDifference(
        _ memory: UnsafeRawBufferPointer, object: UInt64, offset: UInt64
    ) -> Int? {
        guard let base = memory.baseAddress else { return nil }
        var done = 0
        while done < memory.count {
            let place = offset + UInt64(done)
            let skip = Int(place % UInt64(Self.pageBytes))
            let count = min(Self.pageBytes - skip, memory.count - done)
            var state = state(object, page: place / UInt64(Self.pageBytes))
            if let found = Self.comparePage(base + done, &state, skip: skip, count: count) {
                return done + found
            }
            done += count
        }
        return nil
    }

    // MARK: One page

    private typealias Lanes = SIMD8<UInt64>

    private func state(_ object: UInt64, page: UInt64) -> Lanes {
        var random = Seeded(seed)
        random = Seeded(random.next() ^ object)
        random = Seeded(random.next() ^ page)
        var lanes = Lanes()
        for index in 0..<8 {
            // A state of zero would stay zero.
            lanes[index] = random.next() | 1
        }
        return lanes
    }

    @inline(__always)
    private static func step(_ lanes: inout Lanes) {
        lanes ^= lanes &<< 13
        lanes ^= lanes &>> 7
        lanes ^= lanes &<< 17
    }

    private static func fillPage(
        _ target: UnsafeMutableRawPointer, _ lanes: inout Lanes, skip: Int, count: Int
    ) {
        let gamma = Self.gamma
        var place = enter(&lanes, skip)
        var done = 0
        if place > 0 {
            done = min(stepBytes - place, count)
            withUnsafeBytes(of: (lanes, lanes &+ gamma)) { bytes in
                target.copyMemory(
                    from: bytes.baseAddress.unsafelyUnwrapped + place, byteCount: done)
            }
            step(&lanes)
        }
        while count - done >= stepBytes {
            target.storeBytes(of: lanes, toByteOffset: done, as: Lanes.self)
            target.storeBytes(
                of: lanes &+ gamma, toByteOffset: done + halfBytes, as: Lanes.self)
            step(&lanes)
            done += stepBytes
        }
        place = count - done
        guard place > 0 else { return }
        withUnsafeBytes(of: (lanes, lanes &+ gamma)) { bytes in
            (target + done).copyMemory(
                from: bytes.baseAddress.unsafelyUnwrapped, byteCount: place)
        }
    }

    private static func comparePage(
        _ source: UnsafeRawPointer, _ lanes: inout Lanes, skip: Int, count: Int
    ) -> Int? {
        let place = enter(&lanes, skip)
        var done = 0
        if place > 0 {
            done = min(stepBytes - place, count)
            if let found = differs(source, lanes, from: place, count: done) { return found }
            step(&lanes)
        }
        if let found = compareSteps(source, &lanes, &done, count) { return found }
        guard done < count else { return nil }
        return differs(source + done, lanes, from: 0, count: count - done).map { done + $0 }
    }

    /// Compares whole steps. What differs is gathered and looked at once, for a comparison of each
    /// step would cost more than the step.
    private static func compareSteps(
        _ source: UnsafeRawPointer, _ lanes: inout Lanes, _ done: inout Int, _ count: Int
    ) -> Int? {
        let gamma = Self.gamma
        let start = (lanes: lanes, done: done)
        var difference = Lanes()
        while count - done >= stepBytes {
            let first = source.loadUnaligned(fromByteOffset: done, as: Lanes.self)
            let second = source.loadUnaligned(
                fromByteOffset: done + halfBytes, as: Lanes.self)
            difference |= (lanes ^ first) | ((lanes &+ gamma) ^ second)
            step(&lanes)
            done += stepBytes
        }
        guard difference != Lanes() else { return nil }
        lanes = start.lanes
        for place in stride(from: start.done, to: done, by: stepBytes) {
            if let found = differs(source + place, lanes, from: 0, count: stepBytes) {
                return place + found
            }
            step(&lanes)
        }
        preconditionFailure("what differs is in one of the steps")
    }

    /// Goes to the step that holds byte `skip` of the page.
    /// - Returns: the byte's place in it.
    private static func enter(_ lanes: inout Lanes, _ skip: Int) -> Int {
        step(&lanes)
        for _ in 0..<skip / stepBytes { step(&lanes) }
        return skip % stepBytes
    }

    private static func differs(
        _ source: UnsafeRawPointer, _ lanes: Lanes, from: Int, count: Int
    ) -> Int? {
        withUnsafeBytes(of: (lanes, lanes &+ gamma)) { bytes in
            (0..<count).first {
                bytes[from + $0] != source.load(fromByteOffset: $0, as: UInt8.self)
            }
        }
    }
}
