// SPDX-License-Identifier: Apache-2.0
//
// How many cores one analysis may use.
//
// Leaves  what is done on them.

import Foundation
import Synchronization

package enum ScanCores {
    /// All that the process may run on, unless whoever asks has little time to take:
    /// `ScanCores.$count.withValue(1) { … }`.
    @TaskLocal package static var count = allowed

    /// Unlike `ProcessInfo`'s count it heeds `taskset` and cpusets (`Cpus_allowed` of proc_pid_status(5), hexadecimal).
    package static let allowed: Int = {
        let all = ProcessInfo.processInfo.activeProcessorCount
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") }) else {
            return all
        }
        let count = line.dropFirst("Cpus_allowed:".count).reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
        return max(1, min(count, all))
    }()

    /// What `body` gives for each number below a count, in their order, worked out on all cores that may be used.
    package static func map<Value: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Value) -> [Value] {
        guard count > 1, ScanCores.count > 1 else { return (0..<count).map(body) }
        let all = Mutex([Value?](repeating: nil, count: count))
        DispatchQueue.concurrentPerform(iterations: count) { index in
            let made = body(index)
            all.withLock { $0[index] = made }
        }
        return all.withLock { $0.compactMap { $0 } }
    }
}
