// SPDX-License-Identifier: Apache-2.0
//
// One line that shows how far a replay is; on terminals only.

import Sensor
import Synchronization

/// Redraws itself at most five times a second.
final class ProgressBar: Sendable {
    private let start = ContinuousClock.now
    private let isShown = Console.isTerminal
    private let drawn = Atomic<Int>(0)
    private static let width = 28

    func update(consumed: Int, total: Int?, packets: UInt64) {
        guard isShown else { return }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let tick = Int(seconds * 5)
        guard drawn.exchange(tick, ordering: .relaxed) != tick, seconds > 0.2 else { return }
        let rate = Double(consumed) / seconds
        var line = "\r\u{1B}[K"
        if let total, total > 0 {
            let share = min(1, Double(consumed) / Double(total))
            let filled = Int(share * Double(ProgressBar.width))
            line += "[" + String(repeating: "=", count: filled)
            line += String(repeating: " ", count: ProgressBar.width - filled) + "] "
            line += "\(Int(share * 100)) %  "
            let left = rate > 0 ? Double(max(0, total - consumed)) / rate : 0
            line += "\(ProgressBar.clock(left)) left  "
        }
        line += "\(Summary.grouped(packets)) packets  \(Summary.decimal(rate / 1e6, 0)) MB/s"
        Console.write(line)
    }

    func clear() {
        if isShown { Console.write("\r\u{1B}[K") }
    }

    private static func clock(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 359_999))
        let (minutes, rest) = (whole / 60, whole % 60)
        let tail = rest < 10 ? "0\(rest)" : "\(rest)"
        return minutes < 60 ? "\(minutes):\(tail)" : "\(minutes / 60) h \(minutes % 60) min"
    }
}
