// SPDX-License-Identifier: Apache-2.0
// Many captures as one run: order, warnings, filters, pipes.

import Capture
import Foundation
import Testing

@Suite("sources of captures") struct CaptureSourceTests {
    private func sample(_ seconds: UInt32) -> Sample { Sample(seconds: seconds, data: [UInt8(seconds & 0xFF)]) }

    private func code(_ paths: [String], isLenient: Bool = false) throws -> CaptureError.Code? {
        do {
            _ = try CaptureSource(paths: paths, options: CaptureOptions(isLenient: isLenient))
            return nil
        } catch {
            #expect(error.description.hasPrefix(error.subject + ": "))
            #expect(!error.advice.isEmpty)
            return error.code
        }
    }

    @Test func `files are read in the order of their first packets whatever their form`() throws {
        let folder = try CaptureFolder()
        let first = try folder.write(Pcap.file([sample(30), sample(5)]), "a.pcap")
        let second = try folder.write(Gzip.member(Pcap.file([sample(10)])), "b.pcap")
        let third = try folder.write(
            Pcapng.section() + Pcapng.interface() + Pcapng.packet([20], units: 20_000_000), "c.pcap")
        let none = try folder.write(Pcap.header(), "0.pcap")
        let (packets, source) = try readAll([none, first, second, third])
        #expect(packets.map { $0.time / 1_000_000_000 } == [10, 20, 30, 5])
        #expect(source.files.map(\.path) == [second, third, first, none])
        #expect(source.files.map(\.isGzip) == [true, false, false, false])
        #expect(source.warnings.isEmpty)
    }

    @Test func `a folder is read with the folders below it and what is no capture is passed over`() throws {
        let folder = try CaptureFolder()
        _ = try folder.write(Pcap.file([sample(2)]), "b/c/two")
        _ = try folder.write(Pcap.file([sample(1)]), "one.pcap")
        _ = try folder.write(Pcap.file([sample(9)]), ".hidden.pcap")
        let readme = try folder.write(Array("A readme.".utf8), "README.md")
        let (packets, source) = try readAll([folder.path])
        #expect(packets.map { $0.time / 1_000_000_000 } == [1, 2])
        #expect(source.ignoredPaths == [readme])
        #expect(source.warnings.isEmpty)
    }

    @Test func `what cannot be read is refused before anything is read`() throws {
        let folder = try CaptureFolder()
        let good = try folder.write(Pcap.file([sample(1)]), "good")
        let cases: [(String, CaptureError.Code)] = [
            (folder.path + "/missing", .missing), (try folder.write([], "empty"), .empty),
            (try folder.write([UInt8](repeating: 0, count: 5000), "zeros"), .notACapture),
            (try folder.write([0xD4, 0xC3], "short"), .notACapture),
            (try folder.write(Array("GIF89a, and more".utf8), "picture"), .notACapture),
            (try folder.write(Gzip.member(Array("some text".utf8)), "text.gz"), .notACapture),
            (try folder.write(Gzip.member([]), "empty.gz"), .empty),
        ]
        for (path, expected) in cases {
            #expect(try code([good, path]) == expected, "\(path)")
            let (packets, source) = try readAll([path, good], isLenient: true)
            #expect(packets.count == 1, "\(path)")
            #expect(source.warnings.map(\.path) == [path], "\(path)")
        }
        let bare = folder.path + "/bare"
        try FileManager.default.createDirectory(atPath: bare, withIntermediateDirectories: true)
        #expect(try code([bare]) == .noCaptures)
        #expect(try code(["-", "-"]) == .repeatedStandardInput)
    }

    @Test func `a file that nobody may read is refused`() async {
        await #expect(processExitsWith: .success) {
            let folder = try CaptureFolder()
            let path = try folder.write(Pcap.file([Sample(data: [1])]))
            try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
            if geteuid() == 0 { _ = setuid(65_534) }
            #expect(throws: CaptureError(.unreadable, "", "", advice: "")) { try CaptureSource(paths: [path]) }
        }
    }

    @Test func `a file with another packing is refused with the name of it`() throws {
        let folder = try CaptureFolder()
        let path = try folder.write([0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0])
        #expect {
            try CaptureSource(paths: [path])
        } throws: { ($0 as? CaptureError)?.description.contains("zstd") == true }
    }

    @Test func `a damaged file does not stop the next one`() throws {
        let folder = try CaptureFolder()
        let cut = try folder.write(Array(Pcap.file([sample(1), sample(2)]).dropLast()), "cut")
        let good = try folder.write(Pcap.file([sample(3)]), "good")
        let (packets, source) = try readAll([good, cut])
        #expect(packets.map { $0.time / 1_000_000_000 } == [1, 3])
        #expect(source.warnings.map(\.path) == [cut])
        #expect(source.warnings.map(\.offset) == [24 + 17])
    }

    @Test func `a capture that becomes shorter while it is read ends with a warning`() throws {
        let folder = try CaptureFolder()
        let samples = (0..<9000).map { Sample(seconds: UInt32($0), data: [UInt8](repeating: 1, count: 64)) }
        let path = try folder.write(Pcap.file(samples))
        var source = try CaptureSource(paths: [path])
        let block = PacketBlock()
        #expect(try source.nextBlock(into: block))
        #expect(block.packets.count == 4096)
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.truncate(atOffset: 1000)
        #expect(try !source.nextBlock(into: block))
        #expect(source.warnings.count == 1)
    }

    @Test func `a pipe is read as it comes and one alone does not wait for its first packet`() throws {
        let pipe = Pipe()
        let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
        try pipe.fileHandleForWriting.write(contentsOf: Data(Pcap.header()))
        var source = try CaptureSource(paths: [path])
        #expect(source.bytesTotal == nil)
        let block = PacketBlock()
        let second = Pcap.record(sample(2))
        try pipe.fileHandleForWriting.write(contentsOf: Data(Pcap.record(sample(1)) + second.dropLast()))
        var seen: [Seen] = []
        while seen.isEmpty, try source.nextBlock(into: block) { seen += block.seen }
        #expect(seen == [Seen(sample(1))])
        try pipe.fileHandleForWriting.write(contentsOf: Data(second.suffix(1)))
        try pipe.fileHandleForWriting.close()
        while try source.nextBlock(into: block) { seen += block.seen }
        #expect(seen == [Seen(sample(1)), Seen(sample(2))])
        #expect(source.warnings.isEmpty)
    }

    @Test(arguments: [false, true])
    func `a pipe takes its place among files`(_ isPacked: Bool) throws {
        let folder = try CaptureFolder()
        let early = try folder.write(Pcap.file([sample(1)]), "early")
        let late = try folder.write(Pcap.file([sample(9)]), "late")
        let pipe = Pipe()
        let bytes = Pcap.file([sample(5), sample(6)])
        try pipe.fileHandleForWriting.write(contentsOf: Data(isPacked ? Gzip.member(bytes) : bytes))
        try pipe.fileHandleForWriting.close()
        let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
        let (packets, source) = try readAll([late, path, early])
        #expect(packets.map { $0.time / 1_000_000_000 } == [1, 5, 6, 9])
        #expect(source.warnings.isEmpty)
    }
}

@Suite("gzip captures") struct GzipTests {
    private let samples = (0..<3).map(Sample.numbered)

    @Test func `gzip is known by its octets and several members are one capture`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcap.file(samples)
        let packed = Gzip.member(Array(bytes.prefix(50))) + Gzip.member([]) + Gzip.member(Array(bytes.dropFirst(50)))
        for padding in [[], [UInt8](repeating: 0, count: 513)] {
            let (packets, source) = try readAll([try folder.write(packed + padding, "no-suffix")])
            #expect(packets == samples.map { Seen($0) })
            #expect(source.warnings.isEmpty)
            #expect(source.bytesConsumed == source.bytesTotal)
        }
    }

    @Test func `every truncation of a gzip capture gives whole packets and one warning`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcap.file(samples)
        let packed = Gzip.member(bytes)
        let headerByteCount = 15  // of gzip, and of the stored block
        var starts = [24]
        for sample in samples { starts.append((starts.last ?? 0) + 16 + sample.data.count) }
        for length in (headerByteCount + 4)..<packed.count {
            let (packets, source) = try readAll([try folder.write(Array(packed.prefix(length)))])
            let unpacked = min(length - headerByteCount, bytes.count)
            let count = max(0, starts.lastIndex { $0 <= unpacked } ?? 0)
            #expect(packets == samples.prefix(count).map { Seen($0) }, "length \(length)")
            #expect(source.warnings.map(\.offset) == [unpacked < 24 ? 0 : starts[count]], "length \(length)")
        }
    }

    @Test func `damage inside gzip is a warning and so is what follows it`() throws {
        let folder = try CaptureFolder()
        let packed = Gzip.member(Pcap.file(samples))
        var wrongSum = packed
        wrongSum[packed.count - 6] ^= 1
        for bytes in [wrongSum, packed + Array("trailing".utf8)] {
            let (packets, source) = try readAll([try folder.write(bytes)])
            #expect(packets == samples.map { Seen($0) })
            #expect(source.warnings.count == 1)
        }
    }
}

@Suite("filters") struct FilterTests {
    /// An Ethernet frame with an IPv4 header and nothing in it but the protocol.
    private func frame(_ proto: UInt8) -> [UInt8] {
        let header: [UInt8] = [8, 0, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, proto]
        return [UInt8](repeating: 2, count: 12) + header + [UInt8](repeating: 1, count: 10)
    }

    @Test func `only packets that the filter lets through are delivered`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcapng.section() + Pcapng.interface() + Pcapng.interface(linkType: 101)
            + Pcapng.packet(frame(17), units: 1) + Pcapng.packet(frame(6), units: 2)
            + Pcapng.packet(Array(frame(17).dropFirst(14)), units: 3, interface: 1)
            + Pcapng.packet(Array(frame(6).dropFirst(14)), units: 4, interface: 1)
        let (packets, source) = try readAll([try folder.write(bytes)], filter: "udp")
        #expect(packets.map(\.time) == [1000, 3000])
        #expect(source.filteredPackets == 2)
    }

    @Test func `a wrong filter is refused with the sentence of libpcap`() {
        #expect {
            try CaptureSource(paths: [], options: CaptureOptions(filter: "udp prot 53"))
        } throws: { error in
            guard let error = error as? CaptureError else { return false }
            return error.code == .filter && error.description.contains("syntax error")
        }
    }

    @Test func `a filter that does not fit the link type of a capture is refused`() throws {
        let folder = try CaptureFolder()
        let path = try folder.write(Pcap.file([Sample(data: frame(6))], linkType: 101))
        let options = CaptureOptions(filter: "ether host 02:02:02:02:02:02")
        #expect(throws: CaptureError(.filter, "", "", advice: "")) {
            try CaptureSource(paths: [path], options: options)
        }
    }
}
