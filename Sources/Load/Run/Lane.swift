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

    var put: PutMachine?
    /// Of a cycle, to be given back when it fails.
    var lease = Data()
    /// How long calls of a lane without a machine are made again.
    var wait: RefusalWait?

    var get: GetMachine?
    /// The first byte that is not what was put.
    var wrongAt: UInt64?
}

/// What a call is for.
struct CallNote {
    enum Purpose {
        case nothing, create, addBlock, close, open, remove, get
        case put(PutCall)
        /// Somebody waits for exactly this answer.
        case awaited
    }

    var lane: Int32 = -1
    var generation: UInt32 = 0
    var purpose = Purpose.nothing
    /// What was asked, of a lane without a machine: to be asked again.
    var operation: ControlRequest.OneOf_Operation?
}

/// What a lane does when its time has come, and its machine does not know.
struct Sleeper {
    enum Action {
        case beIdle
        case call(CallNote.Purpose, ControlRequest.OneOf_Operation)
    }

    let at: UInt64
    let lane: Int
    let generation: UInt32
    let action: Action
}
