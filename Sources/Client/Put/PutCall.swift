import ControlClient
import FoundationEssentials
import Wire

/// What a put asks the namenode.
package enum PutCall: Equatable {
    case create
    case plan(PlanWish)
    case renew
    /// The value's blocks from the first to the last of these places. `more`: others follow.
    case close(Range<Int>, more: Bool)
    case abandon
}

/// ADDBLOCK.
package struct PlanWish: Equatable {
    /// Of the first block that is asked for, among the value's.
    package let order: Int
    /// Another chain for a block that was begun.
    package let isReplacement: Bool
    package let count: Int
    /// The longest block that the writer will make; 0: the namenode's.
    package let longest: UInt64
    /// Bytes still to come, 0 when that is not known.
    package let bytes: UInt64
    package let exclude: [NodeID]
}

/// What the namenode answers.
package enum PutAnswer {
    case lease(Lease)
    case plans([BlockPlan])
    case done

    init(_ reply: ControlReply, to call: PutCall, key: String) throws(ClientError) {
        switch call {
        case .create: self = .lease(try Client.lease(reply.create, key: key))
        case .renew: self = .lease(try Client.lease(reply.renew, key: key))
        case .plan(let wish):
            let plans = try Client.plans(reply.addBlock)
            guard plans.count <= max(1, wish.count) else {
                throw .malformed(
                    reason: "\(plans.count) blocks, and \(wish.count) were asked for")
            }
            self = .plans(plans)
        case .close, .abandon: self = .done
        }
    }
}

extension PutEvent {
    /// What the namenode said to a call.
    package init(_ call: PutCall, _ answer: Result<ControlReply, ControlFailure>, key: String) {
        switch answer {
        case .success(let reply):
            do throws(ClientError) {
                self = .answered(call, .success(try PutAnswer(reply, to: call, key: key)))
            } catch {
                self = .answered(call, .failure(ControlFailure(unreadable: error)))
            }
        case .failure(let failure): self = .answered(call, .failure(failure))
        }
    }
}

extension PutMachine {
    /// A call as the namenode understands it.
    package func operation(of call: PutCall) -> ControlRequest.OneOf_Operation {
        switch call {
        case .create:
            var message = ControlCreate()
            message.key = settings.key
            message.overwrite = settings.overwrite
            message.length = settings.supply.expected ?? 0
            return .create(message)
        case .plan(let wish):
            var message = ControlAddBlock()
            message.leaseID = leaseData
            message.sizeHint = wish.bytes
            message.count = UInt32(clamping: wish.count)
            message.blockBytes = wish.longest
            message.exclude = wish.exclude.map { Data($0.bytes) }
            message.replicas = UInt32(clamping: settings.replicas)
            message.location = settings.location
            return .addBlock(message)
        case .renew:
            var message = ControlRenew()
            message.leaseID = leaseData
            return .renew(message)
        case .close(let places, let more):
            var message = ControlClose()
            message.leaseID = leaseData
            message.durability = settings.durability.code
            message.more = more
            message.blocks = places.map { place in
                guard let block = blocks[place] else {
                    preconditionFailure("every block that is listed is sealed")
                }
                return receiptMessage(block.receipt)
            }
            return .close(message)
        case .abandon:
            var message = ControlAbandon()
            message.leaseID = leaseData
            return .abandon(message)
        }
    }

    private var leaseData: Data {
        guard let lease else { preconditionFailure("CREATE comes before every other call") }
        return Data(lease.id.bytes)
    }
}
