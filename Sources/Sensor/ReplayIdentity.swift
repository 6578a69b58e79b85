// SPDX-License-Identifier: Apache-2.0
//
// Which captures a store has already: the identity of a replay.
//
// Reads   samples of each capture: its size, its ends, and places between.
// Writes  one text; equal for the same captures, sensor and settings.
// Leaves  what the store does with it.

package import Capture
import Foundation
import Records

/// The identity under which a store keeps the records of a replay.
///
/// A whole-file hash would read a capture twice, and a cold disk is slower than
/// everything else that is done with it. Sizes and some hundred stretches tell
/// captures apart, since every record header holds a time to the microsecond.
package enum ReplayIdentity {
    private static let sampleCount = 128
    private static let sampleBytes = 4096

    package static func make(_ source: borrowing CaptureSource, settings: Settings) throws -> String {
        var parts = [settings.rowsFingerprint]
        for file in source.files {
            guard let byteCount = file.byteCount else {
                // A pipe cannot be read twice: it is always new.
                parts.append("stream-\(UInt64.random(in: .min ... .max))")
                continue
            }
            parts.append("\(byteCount)-\(hexadecimal(try sample(file.path, byteCount)))")
        }
        return parts.joined(separator: ":")
    }

    /// The identity as a number, under which the packet ring numbers a replay's packets.
    package static func number(_ identity: String) -> UInt64 { hash(Array(identity.utf8)) }

    /// Hashes the ends of a file and places evenly between.
    private static func sample(_ path: String, _ byteCount: Int) throws -> UInt64 {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw CaptureError(.unreadable, path, "cannot be read", advice: "check the path and its permissions")
        }
        defer { try? handle.close() }
        var octets: [UInt8] = []
        let last = max(0, byteCount - sampleBytes)
        for index in 0...sampleCount {
            let offset = UInt64(last / sampleCount * index + (index == sampleCount ? last % sampleCount : 0))
            try handle.seek(toOffset: offset)
            guard let data = try handle.read(upToCount: sampleBytes) else { break }
            octets.append(contentsOf: data)
        }
        return hash(octets)
    }

    /// The key is the ASCII text `weir replays idem`; it is no secret and never changes.
    fileprivate static func hash(_ octets: [UInt8]) -> UInt64 {
        var hash = SipHash(key0: 0x7765_6972_2072_6570, key1: 0x6C61_7973_2069_6465)
        hash.absorb(octets)
        return hash.finish()
    }

    fileprivate static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Settings {
    /// A digest of everything that changes rows.
    fileprivate var rowsFingerprint: String {
        let text = [
            sensorName, ignoringChecksums.description, analyzers?.sorted().joined(separator: ",") ?? "all",
            filter ?? "", String(describing: flows), String(describing: protocols),
        ].joined(separator: "\n")
        return ReplayIdentity.hexadecimal(ReplayIdentity.hash(Array(text.utf8)))
    }
}
