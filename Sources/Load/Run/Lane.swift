import Client
import FoundationEssentials
import Wire

/// One operation in flight, or the place of one.
struct Lane {
    enum Work: UInt8 { case idle, put, get, create, open, remove }

    var work = Work.idle
    /// Grows with every operation, so that an answer to an earlier one is recognised.
    var generation: UInt32 = 0
    /// Which object.
    var object: UInt64 = 0
    /// The object that no other lane begins meanwhile.
    var reserved: UInt64?
    /// From when its latency counts, nanoseconds.
    var intended: UInt64 = 0
    /// Bytes of the object.
    var length: UInt64 = 0

    /// Until it is given up.
    var patience = Patience()

    // A put.
    var lease = Data()
    /// When to renew, nanoseconds.
    var renewAt: UInt64 = .max
    var leaseMilliseconds: UInt64 = 0
    /// The next blocks, asked for while the one before them is filled.
    var planned: [LaneBlock] = []
    var isPlanning = false
    /// Bytes of the object in blocks that were planned, and in sealed ones.
    var plannedBytes: UInt64 = 0
    var sealedBytes: UInt64 = 0
    var writing: [LaneBlock] = []
    var receipts: [ControlReceipt] = []
    var planning = PlanRetry()
    /// When CLOSE is not repeated any more, nanoseconds.
    var closeEnd: UInt64?

    // A get.
    var get: GetMachine?
    /// The first byte that is not what was put.
    var wrongAt: UInt64?
}

/// One block of an object that is being put.
struct LaneBlock {
    let order: Int
    /// Of its first byte, in the object.
    let start: UInt64
    let length: UInt64
    var plan: BlockPlan
    var write: WriteID?
    var isFilled = false
    var isReplacing = false
    var retry: WriteRetry
}

/// What a call is for.
struct CallNote {
    enum Purpose: UInt8 {
        case nothing, create, addBlock, replaceBlock, close, open, get, remove, renew
        /// Somebody waits for exactly this answer.
        case awaited
    }

    var lane: Int32 = -1
    var generation: UInt32 = 0
    var purpose = Purpose.nothing
    var order = 0
}

/// What a lane does when its time has come.
struct Sleeper {
    enum Action {
        case beIdle
        case resume(order: Int)
        case close
        case plan(order: Int?)
        case write
        case get
        case call(CallNote.Purpose, ControlRequest.OneOf_Operation, order: Int)
    }

    let at: UInt64
    let lane: Int
    let generation: UInt32
    let action: Action
}
