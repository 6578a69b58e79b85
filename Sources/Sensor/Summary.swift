// SPDX-License-Identifier: Apache-2.0
//
// What a run did, in figures and in words.

package import Capture
package import Records
import Store

/// The end of a run.
package struct Summary: Sendable {
    package var counters: SensorCounters
    /// Rows of each log, by `LogID`.
    package var rows: [UInt64]
    /// How often each anomaly was met, logged or not.
    package var weirds: [Weird: UInt64]
    package var warnings: [CaptureWarning]
    /// Packets that the filter left out.
    package var filteredPackets: UInt64
    /// Packets of link types that nothing decodes.
    package var skippedPackets: UInt64

    /// Lines for a person: what was read, written, left out and why. `seconds` is wall time.
    package func lines(seconds: Double) -> [String] {
        var lines: [String] = []
        let bits = Double(counters.bytes) * 8
        let rate = seconds > 0 ? bits / seconds / 1e9 : 0
        let packetRate = seconds > 0 ? Double(counters.packets) / seconds : 0
        lines.append(
            "\(Summary.grouped(counters.packets)) packets, \(Summary.grouped(counters.bytes)) octets, "
                + "\(Summary.grouped(counters.connections)) connections in \(Summary.decimal(seconds, 2)) s "
                + "(\(Summary.decimal(rate, 2)) Gbit/s, \(Summary.grouped(UInt64(packetRate))) packets/s)")
        let logs = LogID.allCases.filter { rows[Int($0.rawValue)] > 0 }
            .map { "\($0.path) \(Summary.grouped(rows[Int($0.rawValue)]))" }
        lines.append("records: " + (logs.isEmpty ? "none" : logs.joined(separator: ", ")))
        let ring = counters.ring
        if ring != PacketRingCounters() {
            lines.append(
                "packets kept: \(Summary.grouped(ring.stored)) in \(Summary.grouped(ring.storedBytes)) octets; "
                    + "\(Summary.grouped(ring.dropped)) dropped because the disk was slow or full, "
                    + "\(Summary.grouped(ring.cut)) beyond the cutoff, which "
                    + "\(Summary.grouped(ring.elephants)) connections reached")
        }
        let losses: [(String, UInt64)] = [
            ("without IP", counters.notIP), ("damaged or with a bad IP checksum", counters.anomalous),
            ("left out by the filter", filteredPackets), ("of link types that are not decoded", skippedPackets),
            ("dropped by the kernel", counters.kernelDropped),
            ("dropped by the interface", counters.interfaceDropped),
        ].filter { $0.1 > 0 }
        if !losses.isEmpty {
            let all = losses.map { "\(Summary.grouped($0.1)) \($0.0)" }
            lines.append("packets left out: " + all.joined(separator: ", "))
        }
        let limits: [(String, UInt64)] = [
            ("connections ended early for want of room", counters.flowsRefused),
            ("directions whose reassembly was given up", counters.reassemblyRefused),
            ("fragments dropped for want of room", counters.fragmentsRefused),
            ("files ended early for want of room", counters.filesEvicted),
            ("files that could not be saved whole", counters.filesNotExtracted),
            ("anomalies left out of the log by sampling", counters.weirdsSampled),
        ].filter { $0.1 > 0 } + TableLimit.allCases.map { ("\($0.phrase)", counters.limits[$0]) }.filter { $0.1 > 0 }
        if !limits.isEmpty {
            lines.append("limits: " + limits.map { "\(Summary.grouped($0.1)) \($0.0)" }.joined(separator: ", "))
        }
        // Each connection counts about once: most of them in one direction is a host's own doing.
        let wrongSums = weirds[.bad_TCP_checksum, default: 0] + weirds[.bad_UDP_checksum, default: 0]
        if wrongSums > counters.connections / 2 {
            lines.append(
                "hint: most connections have wrong checksums, as a host that leaves them to its network card "
                    + "shows them; --ignore-checksums takes such packets")
        }
        let top = weirds.sorted { ($1.value, "\($0.key)") < ($0.value, "\($1.key)") }.prefix(8)
        if !top.isEmpty {
            lines.append(
                "anomalies: " + top.map { "\($0.key) \(Summary.grouped($0.value))" }.joined(separator: ", ")
                    + (weirds.count > top.count ? ", …" : ""))
        }
        return lines
    }

    /// Digits in groups of three.
    package static func grouped(_ value: UInt64) -> String {
        var digits: [Character] = []
        for (index, digit) in String(value).reversed().enumerated() {
            if index > 0, index % 3 == 0 { digits.append(",") }
            digits.append(digit)
        }
        return String(digits.reversed())
    }

    /// A number with so many decimals.
    package static func decimal(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = UInt64(max(0, min(value, 1e15)) * scale + 0.5)
        let whole = scaled / UInt64(scale)
        var fraction = String(scaled % UInt64(scale))
        while fraction.count < places { fraction = "0" + fraction }
        return places == 0 ? "\(whole)" : "\(whole).\(fraction)"
    }
}
