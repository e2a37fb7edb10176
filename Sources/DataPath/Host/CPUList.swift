/// CPU numbers as the kernel writes them, such as `0-3,8` (cpuset(7), list format).
public enum CPUList {
    /// The most CPUs a machine can have here (`cpu_set_t`).
    public static let limit = 1024

    /// In the order they are written; `nil` for anything else, and when one is named twice.
    public static func parse(_ text: some StringProtocol) -> [Int]? {
        var cpus: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
                $0.allSatisfy(\.isNumber) ? Int($0) : nil
            }
            guard let first = ends[0], ends.count <= 2, let last = ends[ends.count - 1],
                first <= last, last < limit
            else { return nil }
            cpus += first...last
        }
        return Set(cpus).count == cpus.count && !cpus.isEmpty ? cpus : nil
    }

    /// Runs of numbers joined with a dash.
    public static func format(_ cpus: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for cpu in cpus {
            if let last = runs.last, last.upperBound + 1 == cpu {
                runs[runs.count - 1] = last.lowerBound...cpu
            } else {
                runs.append(cpu...cpu)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
