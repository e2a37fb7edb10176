import Glibc
import Reactor

/// What CATENA_FAULT asks of a datanode: `POINT:ACTION:NTH`, several separated by commas.
///
/// A point is a ring operation about to begin or just completed, so that no room knows of faults:
/// the reactors run on a `FaultRing` when there are any. Actions: `kill`, `stop`, `delay=MS`, and
/// where an operation begins `errno=NAME` and `short`. NTH counts from 1, on each reactor for
/// itself; `3+` is the third and all after it.
public struct FaultList: Sendable, Equatable {
    /// A place by its name: a kind of operation, and which end of it.
    private static let points: [String: (kind: OperationKind, moment: RingFault.Moment)] = [
        "recv-header": (.receiveHeader, .end),
        "recv-body": (.receivePayload, .end),
        "before-open": (.openFile, .begin),
        "before-recycle": (.renameSpare, .begin),
        "before-open-header": (.writeOpenHeader, .begin),
        "after-open-header": (.writeOpenHeader, .end),
        "before-forward": (.forwardFrame, .begin),
        "after-forward": (.forwardFrame, .end),
        "before-forward-credentials": (.forwardCredentials, .begin),
        "after-forward-credentials": (.forwardCredentials, .end),
        "before-forward-seal": (.forwardSeal, .begin),
        "after-forward-seal": (.forwardSeal, .end),
        "before-disk": (.writeData, .begin),
        "after-disk-before-ack": (.writeData, .end),
        "before-ack": (.sendControl, .begin),
        "after-ack-sent": (.sendControl, .end),
        "seal-before-table": (.writeTable, .begin),
        "seal-before-header": (.writeSealHeader, .begin),
        "seal-after-header": (.writeSealHeader, .end),
        "seal-before-sync": (.syncFile, .begin),
        "seal-after-sync": (.syncFile, .end),
        "seal-before-dirsync": (.syncDirectory, .begin),
        "seal-after-dirsync": (.syncDirectory, .end),
        "flush-before-table": (.writeFlushTable, .begin),
        "flush-before-header": (.writeFlushHeader, .begin),
        "read-before-open": (.openForRead, .begin),
        "read-before-header": (.readHeader, .begin),
        "read-before-disk": (.readData, .begin),
        "read-after-disk": (.readData, .end),
        "read-before-send": (.sendFrame, .begin),
        "delete-before": (.unlinkFile, .begin),
        "recycle-before": (.recycleFile, .begin),
        "recycle-after": (.recycleFile, .end),
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
            kind: point.kind.rawValue, moment: point.moment, action: action, first: first,
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
