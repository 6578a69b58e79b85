// SPDX-License-Identifier: Apache-2.0
//
// Headers of Windows programs and libraries (Microsoft PE and COFF specification).
//
// Reads   the first octets of a file: DOS header, PE signature, COFF header, optional header,
//         section table. All integers are little-endian.
// Writes  `PEHeader`.
// Leaves  everything behind the section table.

package import Records
import Wire

/// What a header says. `names` are places in `text`.
package struct PEHeader: Sendable {
    /// Octets from the start of a file that are looked at.
    package static let bytesMax = 65_536
    /// Sections that are named (Windows loads no more than 96).
    static let sectionsMax = 96

    package private(set) var machine = Text.absent
    package private(set) var compiled = Timestamp.zero
    package private(set) var os = Text.absent
    package private(set) var subsystem = Text.absent
    package private(set) var isExecutable = true
    package private(set) var is64Bit = true
    package private(set) var usesASLR = false
    package private(set) var usesDEP = false
    package private(set) var usesCodeIntegrity = false
    package private(set) var usesSEH = true
    package private(set) var hasImports: Bool?
    package private(set) var hasExports: Bool?
    package private(set) var hasCertificates: Bool?
    package private(set) var hasDebugData: Bool?
    package private(set) var sections: [Text]?
    package private(set) var text = TextBuffer()

    /// Reads the header from the start of a file; nil where the COFF header is not there.
    package init?(parsing file: RawSpan) {
        guard file.byteCount >= 64, file.begins(with: "MZ") else { return nil }
        let start = max(Int(PEHeader.word32(file, 60)), 64)
        guard file.byteCount &- start >= 24, file.begins(with: "PE\0\0", at: start) else { return nil }
        readCOFF(file, start &+ 4)
        let optionalCount = Int(PEHeader.word16(file, start &+ 20))
        let optional = start &+ 24
        guard isExecutable, optionalCount <= file.byteCount &- optional else { return }
        readOptional(file.extracting(optional ..< optional &+ optionalCount))
        readSections(file, optional &+ optionalCount, count: Int(PEHeader.word16(file, start &+ 6)))
    }

    private static func word16(_ bytes: RawSpan, _ offset: Int) -> UInt16 {
        bytes.load(offset, as: UInt16.self).byteSwapped
    }

    private static func word32(_ bytes: RawSpan, _ offset: Int) -> UInt32 {
        bytes.load(offset, as: UInt32.self).byteSwapped
    }

    //  | machine 2 | sections 2 | time 4 | symbol table 4 | symbols 4 | optional header 2 | characteristics 2 |
    private mutating func readCOFF(_ file: RawSpan, _ at: Int) {
        let number = PEHeader.word16(file, at)
        machine = name(PETables.machines[number], orNumber: UInt64(number))
        compiled = Timestamp(seconds: Int64(PEHeader.word32(file, at &+ 4)))
        isExecutable = PEHeader.word16(file, at &+ 16) > 0
        // IMAGE_FILE_32BIT_MACHINE
        if PEHeader.word16(file, at &+ 18) & 0x100 != 0 { is64Bit = false }
    }

    /// The optional header: 0x10B has 32-bit addresses, 0x20B 64-bit ones.
    private mutating func readOptional(_ bytes: RawSpan) {
        guard bytes.byteCount >= 72 else { return }
        let magic = PEHeader.word16(bytes, 0)
        guard magic == 0x10B || magic == 0x20B else { return }
        let major = PEHeader.word16(bytes, 40)
        let minor = PEHeader.word16(bytes, 42)
        if let known = PETables.systems[UInt32(major) << 16 | UInt32(minor)] {
            os = text.add(known)
        } else {
            let start = text.begin()
            text.append("unknown-")
            text.append(decimal: UInt64(major))
            text.append(".")
            text.append(decimal: UInt64(minor))
            os = text.end(start)
        }
        let kind = PEHeader.word16(bytes, 68)
        subsystem = name(PETables.subsystems[kind], orNumber: UInt64(kind))
        let flags = PEHeader.word16(bytes, 70)
        usesASLR = flags & 0x40 != 0
        usesCodeIntegrity = flags & 0x80 != 0
        usesDEP = flags & 0x100 != 0
        usesSEH = flags & 0x400 == 0
        readDirectories(bytes, at: magic == 0x10B ? 92 : 108)
    }

    /// Data directories: an address and a size each, as many as the number before them says.
    private mutating func readDirectories(_ bytes: RawSpan, at offset: Int) {
        guard bytes.byteCount >= offset &+ 4 else { return }
        let count = min(Int(PEHeader.word32(bytes, offset)), (bytes.byteCount &- offset &- 4) / 8)
        func isThere(_ index: Int) -> Bool {
            index < count && PEHeader.word32(bytes, offset &+ 8 &+ 8 &* index) > 0
        }
        hasExports = isThere(0)
        hasImports = isThere(1)
        hasCertificates = isThere(4)
        hasDebugData = isThere(6)
    }

    /// Section headers of 40 octets, a name of up to eight at the start of each.
    private mutating func readSections(_ file: RawSpan, _ start: Int, count: Int) {
        var names: [Text] = []
        var at = start
        for _ in 0..<min(count, PEHeader.sectionsMax) {
            guard file.byteCount &- at >= 40 else { break }
            let name = file.extracting(at ..< at &+ 8)
            names.append(text.add(name.extracting(0..<(name.firstIndex(of: 0) ?? 8))))
            at &+= 40
        }
        if !names.isEmpty { sections = names }
    }

    private mutating func name(_ known: StaticString?, orNumber number: UInt64) -> Text {
        if let known { return text.add(known) }
        let start = text.begin()
        text.append("unknown-")
        text.append(decimal: number)
        return text.end(start)
    }
}
