// SPDX-License-Identifier: Apache-2.0
//
// The lines of a file, plain or gzip, and where each of them ends.
//
// Reads   files, in blocks.
// Writes  lines; a hash of all that was handed out.
// Leaves  what the lines say.

import Archive

/// The lines of a file.
struct LineFile {
    private let file: PackedFile
    /// What was read and not handed out yet.
    private var waiting: [UInt8] = []
    private var start = 0
    /// Number of the line that was handed out last, from 1.
    private(set) var number = 0
    /// Octets up to the end of that line, unpacked.
    private(set) var offset = 0
    /// Why the file could not be read to its end.
    var damage: PackedDamage? { file.damage }
    /// Octets behind the last line's end that were not handed out.
    private(set) var restCount = 0
    private var hash = StreamHash()

    /// The hash of everything up to `offset`.
    var content: Int64 { hash.value }

    /// Longer lines are cut and then no records.
    static let lineBytesMax = 8 << 20
    /// Logs pack to a tenth, dull ones to a hundredth.
    static let limits = PackedLimits(plainBytesMax: 1 << 40, graceBytes: 8 << 20)

    init?(path: String) {
        guard let file = PackedFile(path: path, limits: LineFile.limits) else { return nil }
        self.file = file
    }

    /// Passes over octets that were read before. False where the file is shorter.
    mutating func skip(_ count: Int, lines: Int) -> Bool {
        var rest = count
        while rest > 0 {
            if start == waiting.count { fill() }
            guard start < waiting.count else { return false }
            let step = min(rest, waiting.count - start)
            hash.absorb(waiting[start ..< start + step])
            start += step
            rest -= step
        }
        offset = count
        number = lines
        return true
    }

    /// The next line without its end; nil at the file's end. A last line without an end is a line where the file is
    /// known to be complete (`takingRest`), otherwise it waits until the file has grown.
    mutating func next(takingRest: Bool) -> ArraySlice<UInt8>? {
        var searched = start
        while true {
            if let end = waiting[searched...].firstIndex(of: 0x0A) {
                let line = take(end + 1).dropLast()
                return line.last == 0x0D ? line.dropLast() : line
            }
            let isTooLong = waiting.count - start > LineFile.lineBytesMax
            if file.hasEnded || isTooLong {
                guard start < waiting.count else { return nil }
                if isTooLong || takingRest && damage == nil { return take(waiting.count) }
                restCount = waiting.count - start
                return nil
            }
            let pending = waiting.count - start
            fill()
            searched = start + pending
        }
    }

    private mutating func take(_ end: Int) -> ArraySlice<UInt8> {
        let line = waiting[start..<end]
        hash.absorb(line)
        offset += line.count
        start = end
        number += 1
        return line
    }

    private mutating func fill() {
        if start > 0 {
            waiting.removeFirst(start)
            start = 0
        }
        file.fill(&waiting)
    }
}
