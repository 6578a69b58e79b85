// SPDX-License-Identifier: Apache-2.0
//
// The whole sensor on any octets: as frames of a link type, or as a capture file.
//
// Reads   octets.
// Writes  a capture in memory (/dev/shm), replayed at once; the rows go nowhere.
// Leaves  one analyzer by itself (FuzzConversation.swift).

import Capture
import Foundation
import Sensor

enum FuzzFrames {
    /// Link types that captures register, and a few that they do not.
    private static let linkTypes: [UInt8] = [1, 1, 1, 1, 1, 1, 101, 113, 105, 127, 0, 9, 108, 12, 228, 229]

    /// The first octet chooses a link type; then each frame is an octet of time, two of length and its octets.
    static func play(_ octets: [UInt8]) {
        guard let first = octets.first else { return }
        var capture: [UInt8] = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0]
        capture += [linkTypes[Int(first & 15)], 0, 0, 0]
        var at = 1
        var micros: UInt64 = 0
        while at + 3 <= octets.count {
            // Mostly a millisecond a step, sometimes up to half an hour: timers fire.
            let step = UInt64(octets[at])
            micros += step < 128 ? step * 1000 : (step - 127) * (step - 127) * 100_000
            let length = Int(octets[at + 1]) << 8 | Int(octets[at + 2])
            let frame = octets[(at + 3)..<min(at + 3 + length, octets.count)]
            at += 3 + length
            capture += little(1_700_000_000 + micros / 1_000_000) + little(micros % 1_000_000)
            capture += little(UInt64(frame.count)) + little(UInt64(frame.count)) + frame
        }
        read(capture)
    }

    private static func little(_ value: UInt64) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// A capture file of these octets.
    static func read(_ octets: [UInt8]) {
        let path = "/dev/shm/weir-fuzz-\(UUID().uuidString)"
        guard (try? Data(octets).write(to: URL(filePath: path))) != nil else { return }
        defer { try? FileManager.default.removeItem(atPath: path) }
        var settings = Settings()
        settings.ignoringChecksums = true
        guard var source = try? CaptureSource(paths: [path], options: CaptureOptions(isLenient: true)) else { return }
        let outputs = Outputs(logs: nil, store: nil, isReplay: false)
        _ = try? Replay(settings: settings, workerCount: 1).run(&source, into: outputs)
    }
}
