import Client
import FoundationEssentials
import Wire

// What concerns the namenode alone.
extension Worker {
    /// A whole CREATE, ADDBLOCK and CLOSE. No datanode is asked: the block is planned and not
    /// written, and CLOSE commits a value without bytes.
    mutating func beginCycle(_ lane: Int) {
        lanes[lane].work = .create
        lanes[lane].wait = RefusalWait(at: engine.now, for: Patience.usual)
        var message = ControlCreate()
        message.key = key(lane)
        message.overwrite = true
        ask(lane, .create, .create(message))
    }

    mutating func cycleCreated(_ lane: Int, _ lease: ControlLease) {
        lanes[lane].lease = lease.leaseID
        var message = ControlAddBlock()
        message.leaseID = lanes[lane].lease
        message.sizeHint = Phase.openBytes
        message.replicas = UInt32(plan.replicas)
        message.location = plan.location
        ask(lane, .addBlock, .addBlock(message))
    }

    mutating func cyclePlanned(_ lane: Int) {
        var message = ControlClose()
        message.leaseID = lanes[lane].lease
        message.durability = plan.durability.close.code
        ask(lane, .close, .close(message))
    }

    mutating func cycleDone(_ lane: Int) {
        putEnd[.create] = max(putEnd[.create] ?? 0, lanes[lane].object + 1)
        lanes[lane].lease.removeAll()
        done(lane, bytes: lanes[lane].length)
    }

    mutating func beginOpen(_ lane: Int) {
        lanes[lane].work = .open
        lanes[lane].wait = RefusalWait(at: engine.now, for: Patience.usual)
        var message = ControlOpen()
        message.key = key(lane)
        message.location = plan.location
        ask(lane, .open, .open(message))
    }

    mutating func opensDone(_ lane: Int, _ reply: ControlOpenReply) {
        guard reply.blocks.first?.token.isEmpty == false else {
            return fail(
                lane, LoadFailure(.unavailable, "\(key(lane)) has no block that can be read"))
        }
        done(lane, bytes: 0)
    }

    mutating func beginRemove(_ lane: Int) {
        lanes[lane].work = .remove
        lanes[lane].wait = RefusalWait(at: engine.now, for: Patience.usual)
        var message = ControlDelete()
        message.key = key(lane)
        ask(lane, .remove, .delete(message))
    }
}
