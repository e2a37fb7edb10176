import Glibc
import Reactor
import Transport

/// What CATENA_FAULT asks of a datanode: `POINT:ACTION:NTH`, several separated by commas.
///
/// A point is a ring operation about to begin or just completed, so that no room knows of faults:
/// the reactors run on a `FaultRing` when there are any. Actions: `kill`, `stop`, `delay=MS`, and
/// where an operation begins `errno=NAME` and `short`. NTH counts from 1, on each reactor for
/// itself; `3+` is the third and all after it.
public struct FaultList: Sendable, Equatable {
    /// A kind of operation, and which end of it.
    private struct Point {
        let kind: UInt8
        let moment: RingFault.Moment

        init(_ kind: OperationKind, _ moment: RingFault.Moment) {
            self.kind = kind.rawValue
            self.moment = moment
        }

        init(_ operation: ConnectionOperation, _ moment: RingFault.Moment) {
            kind = operation.rawValue
            self.moment = moment
        }
    }

    /// A place by its name.
    private static let points: [String: Point] = [
        "recv-header": Point(.receiveHeader, .end),
        "recv-body": Point(.receiveBody, .end),
        "before-open": Point(.openFile, .begin),
        "before-recycle": Point(.renameSpare, .begin),
        "before-open-header": Point(.writeOpenHeader, .begin),
        "after-open-header": Point(.writeOpenHeader, .end),
        "before-forward": Point(.forwardFrame, .begin),
        "after-forward": Point(.forwardFrame, .end),
        "before-forward-credentials": Point(.forwardCredentials, .begin),
        "after-forward-credentials": Point(.forwardCredentials, .end),
        "before-forward-seal": Point(.forwardRequest, .begin),
        "after-forward-seal": Point(.forwardRequest, .end),
        "before-disk": Point(.writeData, .begin),
        "after-disk-before-ack": Point(.writeData, .end),
        "before-ack": Point(.sendAnswer, .begin),
        "after-ack-sent": Point(.sendAnswer, .end),
        "seal-before-table": Point(.writeTable, .begin),
        "seal-before-header": Point(.writeSealHeader, .begin),
        "seal-after-header": Point(.writeSealHeader, .end),
        "seal-before-sync": Point(.syncFile, .begin),
        "seal-after-sync": Point(.syncFile, .end),
        "seal-before-dirsync": Point(.syncDirectory, .begin),
        "seal-after-dirsync": Point(.syncDirectory, .end),
        "flush-before-table": Point(.writeFlushTable, .begin),
        "flush-before-header": Point(.writeFlushHeader, .begin),
        "read-before-open": Point(.openForRead, .begin),
        "read-before-header": Point(.readHeader, .begin),
        "read-before-disk": Point(.readData, .begin),
        "read-after-disk": Point(.readData, .end),
        "read-before-send": Point(.sendFrame, .begin),
        "delete-before": Point(.unlinkFile, .begin),
        "recycle-before": Point(.recycleFile, .begin),
        "recycle-after": Point(.recycleFile, .end),
    ]

    public static var pointNames: [String] { points.keys.sorted() }

    private static let errnos: [String: Int32] = [
        "EIO": EIO, "ENOSPC": ENOSPC, "EDQUOT": EDQUOT, "EROFS": EROFS, "ENODEV": ENODEV,
        "EINTR": EINTR, "EAGAIN": EAGAIN, "ENOMEM": ENOMEM, "EMFILE": EMFILE,
        "ECONNRESET": ECONNRESET, "EPIPE": EPIPE, "ETIMEDOUT": ETIMEDOUT,
    ]

    public let faults: [RingFault]

    public static let none = FaultList(faults: [])

    private init(faults: [RingFault]) { self.faults = faults }

    /// - Throws: `StartFailure` with what is wrong in the text.
    public init(_ text: String) throws(StartFailure) {
        var faults: [RingFault] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let fault = Self.fault(String(part)) else {
                throw StartFailure(
                    .configuration,
                    "CATENA_FAULT is POINT:ACTION:NTH, not \"\(part)\"; the points are "
                        + Self.pointNames.joined(separator: ", "))
            }
            faults.append(fault)
        }
        self.faults = faults
    }

    /// Refuses what this kernel cannot do.
    public func check() throws(StartFailure) {
        guard faults.contains(where: \.needsAnswers) else { return }
        do throws(RingFailure) {
            guard try !RingProbe.answersNops() else { return }
        } catch {
            throw StartFailure(.system, error.description)
        }
        throw StartFailure(.system, "CATENA_FAULT with an errno needs Linux 6.10 or newer")
    }

    private static func fault(_ text: String) -> RingFault? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let point = points[String(parts[0])] else { return nil }
        let repeats = parts[2].hasSuffix("+")
        guard let first = Int(repeats ? parts[2].dropLast() : parts[2]), first > 0,
            let action = action(parts[1], point.moment)
        else { return nil }
        return RingFault(
            kind: point.kind, moment: point.moment, action: action, first: first,
            repeats: repeats)
    }

    private static func action(
        _ text: Substring, _ moment: RingFault.Moment
    ) -> RingFault.Action? {
        let words = text.split(separator: "=", omittingEmptySubsequences: false)
        switch (words[0], words.count) {
        case ("kill", 1): return .kill
        case ("stop", 1): return .stop
        case ("short", 1) where moment == .begin: return .short
        case ("errno", 2) where moment == .begin:
            return errnos[String(words[1])].map { .fail(errno: $0) }
        case ("delay", 2):
            return UInt32(words[1]).flatMap { $0 <= 60_000 ? .delay(milliseconds: $0) : nil }
        default: return nil
        }
    }
}
