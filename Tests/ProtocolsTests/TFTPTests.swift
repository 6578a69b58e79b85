// SPDX-License-Identifier: Apache-2.0
//
// TFTP: packets, and the two connections of a transfer.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func ask(_ opcode: UInt8 = 1, _ name: String = "boot.img", _ mode: String = "Octet", _ options: String = "")
    -> [UInt8]
{
    [0, opcode] + octets("\(name)\0\(mode)\0\(options)")
}

private func data(_ block: Int, _ count: Int) -> [UInt8] {
    [0, 3] + wide(block) + [UInt8](repeating: 0x61, count: count)
}

private func acknowledge(_ block: Int) -> [UInt8] { [0, 4] + wide(block) }

/// The connection of the request, and that of the data.
private final class TFTPBench {
    let bench = DatagramBench(TFTP(), port: 69, logs: [TFTPRecord.makeSchema()])
    let other = TFTP()

    func request(_ octets: [UInt8], from direction: Direction = .originator) {
        bench.context.uid = UID(value: 99)
        bench.context.id.responderPort = 69
        bench.datagram(octets, from: direction, at: 5)
    }

    /// The server is the originator here.
    func transfer(_ octets: [UInt8], from direction: Direction = .originator) {
        let id = bench.context.id
        bench.context.uid = UID(value: 100)
        bench.context.id.responderPort = 32_768
        bench.context.id = bench.context.id.flipped
        if bench.context.announcers[UID(value: 99)] != nil { other.announcedBy = UID(value: 99) }
        other.datagram(octets.octets, wireLength: octets.count, from: direction, &bench.context)
        bench.context.id = id
    }

    func finish() -> [LogRow] {
        bench.context.uid = UID(value: 99)
        bench.analyzer.finish(&bench.context)
        bench.context.uid = UID(value: 100)
        other.finish(&bench.context)
        return bench.rows(.tftp)
    }
}

@Suite("TFTP") struct TFTPTests {
    @Test func `a file is read: one row over two connections`() throws {
        let bench = TFTPBench()
        bench.request(ask())
        bench.transfer(data(1, 512))
        bench.transfer(acknowledge(1), from: .responder)
        bench.transfer(data(1, 512))
        bench.transfer(data(2, 100))
        #expect(bench.bench.rows(.tftp).isEmpty)
        bench.transfer(acknowledge(2), from: .responder)
        let row = try #require(bench.bench.rows(.tftp).first)
        #expect(row.seconds("ts") == 0.005)
        #expect(row.number("uid") == 99)
        #expect(row.number("id.resp_p") == 69)
        #expect(row.flag("wrq") == false)
        #expect(row.text("fname") == "boot.img")
        #expect(row.text("mode") == "Octet")
        #expect(row.number("uid_data") == 100)
        #expect(row.number("size") == 612)
        #expect(row.number("block_sent") == 2)
        #expect(row.number("block_acked") == 2)
        #expect(row.number("error_code") == nil)
        #expect(bench.finish().count == 1)
        #expect(bench.bench.analyzer.isConfirmed && bench.other.isConfirmed)
    }

    @Test func `a file is written with a block size of its own`() throws {
        let bench = TFTPBench()
        bench.request(ask(2, "a", "netascii", "blksize\0" + "1024\0"))
        bench.transfer([0, 6] + octets("BLKSIZE\0" + "1024\0"))
        bench.transfer(data(1, 1024), from: .responder)
        bench.transfer(acknowledge(1))
        bench.transfer(data(2, 0), from: .responder)
        let row = try #require(bench.finish().first)
        #expect(row.flag("wrq") == true)
        #expect(row.number("size") == 1024)
        #expect(row.number("block_sent") == 2)
        #expect(row.number("block_acked") == 1)
    }

    @Test func `an error ends the transfer`() throws {
        let bench = TFTPBench()
        bench.request(ask())
        bench.transfer([0, 5, 0, 1] + octets("File not found\0"))
        let row = try #require(bench.bench.rows(.tftp).first)
        #expect(row.number("error_code") == 1)
        #expect(row.text("error_msg") == "File not found")
        #expect(bench.finish().count == 1)
    }

    @Test func `a request without an answer is a row, asked again it is the same`() {
        let bench = TFTPBench()
        bench.request(ask())
        bench.request(ask())
        bench.request(ask(1, "another"))
        #expect(bench.finish().map { $0.text("fname") } == ["boot.img", "another"])
    }

    @Test func `a server may answer from its own port`() {
        let bench = TFTPBench()
        bench.request(ask())
        bench.request(data(1, 3), from: .responder)
        bench.request(acknowledge(1))
        #expect(bench.bench.rows(.tftp).first?.number("size") == 3)
        #expect(bench.finish().count == 1)
    }

    @Test func `blocks are counted on beyond 16 bits`() {
        let bench = TFTPBench()
        bench.request(ask())
        for block in stride(from: 30_000, through: 120_000, by: 30_000) { bench.transfer(data(block & 0xFFFF, 512)) }
        #expect(bench.finish().first?.number("block_sent") == 120_000)
    }

    @Test func `data that nobody asked for is something else`() {
        let bench = TFTPBench()
        bench.transfer(data(1, 512))
        #expect(bench.other.isDetached && !bench.other.isConfirmed)
        #expect(bench.finish().isEmpty)
    }

    @Test func `every truncation of a request is refused`() {
        let whole = ask()
        for length in 0..<whole.count {
            let bench = TFTPBench()
            bench.request(Array(whole.prefix(length)))
            #expect(bench.bench.analyzer.isDetached)
            #expect(bench.finish().isEmpty)
        }
    }

    @Test func `impossible packets and other protocols are refused`() {
        let bad: [[UInt8]] = [
            [0, 0, 0, 0], [0, 7, 0, 1], [0, 1, 0, 0, 0], ask(1, "", "octet"), ask(1, "x", "binary"), [0, 4, 0, 1, 0],
            [0, 6] + octets("blksize"), [0, 6] + octets("blksize\0x1\0"), octets("GET / HTTP/1.1\r\n\r\n"),
        ]
        for octets in bad {
            let bench = TFTPBench()
            bench.request(octets)
            #expect(bench.bench.analyzer.isDetached && !bench.bench.analyzer.isConfirmed)
            #expect(bench.finish().isEmpty)
        }
    }

    @Test func `the blocks are a file, in whatever order they come`() throws {
        let bench = TFTPBench()
        bench.request(ask())
        bench.transfer([0, 3, 0, 1] + octets("GIF89a") + [UInt8](repeating: 0, count: 506))
        bench.transfer(data(2, 7))
        bench.transfer(data(2, 7))
        bench.transfer(acknowledge(2), from: .responder)
        let file = try #require(bench.bench.rows(.files).first)
        #expect(file.text("source") == "TFTP" && file.text("filename") == "boot.img")
        #expect(file.text("mime_type") == "image/gif" && file.number("seen_bytes") == 519)
        #expect(file.number("uid") == 100 && file.flag("is_orig") == true)
    }

    @Test func `the probe knows requests`() {
        let good = [ask(), ask(2), ask(1, "a", "MAIL")]
        for octets in good { #expect(TFTPProbe.packet(octets.octets) == .matches) }
        let bad = [ask(1, "x", "y"), data(1, 5), acknowledge(0), [0, 5, 1, 0, 0], [0, 6, 0, 0], [1, 1, 1, 1], []]
        for octets in bad { #expect(TFTPProbe.packet(octets.octets) == .never) }
    }
}
