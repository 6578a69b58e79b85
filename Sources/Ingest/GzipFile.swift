// SPDX-License-Identifier: Apache-2.0
//
// Octets of a file, unpacked where it is gzip.
//
// Reads   plain files and gzip (RFC 1952), all its members; which of both the first octets say.
// Writes  blocks of octets.

import CZlib

/// An open file. Used by one thread.
@safe final class GzipFile {
    private let file: gzFile
    private static let blockBytes = 256 << 10
    private var block = [UInt8](repeating: 0, count: blockBytes)

    /// Nil where the file cannot be opened.
    init?(path: String) {
        // Safe: the path lives as long as the call; the library answers nil where it cannot open the file.
        guard let file = unsafe gzopen(path, "rb") else { return nil }
        // Safe: opened above, closed in `deinit` and nowhere else.
        unsafe self.file = file
        unsafe _ = gzbuffer(file, UInt32(GzipFile.blockBytes))
    }

    deinit {
        // Safe: opened in `init`.
        unsafe _ = gzclose(file)
    }

    /// Some octets; none at the end; nil where the packing is damaged.
    func read() -> ArraySlice<UInt8>? {
        // Safe: the library writes at most the block's octets into the block.
        let count = unsafe block.withUnsafeMutableBytes { block in
            unsafe gzread(file, block.baseAddress, UInt32(block.count))
        }
        guard count >= 0 else { return nil }
        return block[..<Int(count)]
    }
}

/// The lines of a file.
struct LineFile {
    private let file: GzipFile
    /// What was read and not handed out yet.
    private var waiting: [UInt8] = []
    private var start = 0
    private var hasEnded = false
    /// Number of the line that was handed out last, from 1.
    private(set) var number = 0
    /// Octets up to the end of that line, unpacked.
    private(set) var offset = 0
    /// Whether the file ended in the middle of its packing.
    private(set) var isDamaged = false
    /// Octets behind the last line's end that were not handed out.
    private(set) var restCount = 0
    private var hash = StreamHash()

    /// The hash of everything up to `offset`.
    var content: Int64 { hash.value }

    /// Longer lines are cut and then no records.
    static let lineBytesMax = 8 << 20

    init?(path: String) {
        guard let file = GzipFile(path: path) else { return nil }
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
            if hasEnded || isTooLong {
                guard start < waiting.count else { return nil }
                if isTooLong || takingRest && !isDamaged { return take(waiting.count) }
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
        guard let block = file.read() else {
            isDamaged = true
            hasEnded = true
            return
        }
        hasEnded = block.isEmpty
        waiting.append(contentsOf: block)
    }
}
