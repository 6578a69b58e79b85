// SPDX-License-Identifier: Apache-2.0
//
// The command and what it cannot work with: one clear line, a status that says so, nothing half done.

import Foundation
import Sensor
import Store
import Testing

@Suite("bad input", .enabled(if: WeirCommand.isBuilt, "the command weir stands beside the tests when all is built"))
struct BadInputTests {
    /// Runs `weir replay` in a folder; the result is to be one line that has all of `parts`, and status 2.
    private func refused(
        _ arguments: [String], in folder: TestFolder, saying parts: [String],
        location: SourceLocation = #_sourceLocation
    ) throws {
        let result = try WeirCommand.run(["replay"] + arguments, in: folder.path)
        #expect(result.status == 2, "\(result.errors)", sourceLocation: location)
        #expect(result.output.isEmpty, sourceLocation: location)
        let last = result.lines.last ?? ""
        #expect(result.lines.count == 1 && last.hasPrefix("weir: "), "\(result.errors)", sourceLocation: location)
        for part in parts { #expect(last.contains(part), "“\(part)” in: \(last)", sourceLocation: location) }
    }

    // MARK: captures

    @Test func `captures that are none are refused with their names`() throws {
        let folder = try TestFolder()
        _ = try folder.write("zeros.pcap", [UInt8](repeating: 0, count: 1_000_000))
        _ = try folder.write("empty.pcap", [])
        _ = try folder.write("words.pcap", Array("these are words and no packets\n".utf8))
        _ = try folder.write("bad.pcap.gz", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] + [UInt8](repeating: 0xAA, count: 50))
        try FileManager.default.createDirectory(atPath: folder.path + "/hollow", withIntermediateDirectories: true)
        for name in ["zeros.pcap", "empty.pcap", "words.pcap", "missing.pcap", "bad.pcap.gz", "hollow"] {
            try refused([name, "--store", "st", "--logs", "lo"], in: folder, saying: [name])
            #expect(!FileManager.default.fileExists(atPath: folder.path + "/st"), "no store for \(name)")
        }
    }

    @Test func `a capture of a link type that nothing decodes is refused by name`() throws {
        let folder = try TestFolder()
        let packets = (0..<3).map { TestPacket([1, 2, 3], at: Double($0)) }
        _ = try folder.write("usb.pcap", TestCapture.make(packets, linkType: 189))
        try refused(["usb.pcap"], in: folder, saying: ["usb.pcap", "USB"])
        let lenient = try WeirCommand.run(["replay", "usb.pcap", "--lenient"], in: folder.path)
        #expect(lenient.status == 0)
        #expect(lenient.errors.contains("not decoded and were skipped"), "\(lenient.errors)")
    }

    @Test func `an unreadable capture is refused`() throws {
        let folder = try TestFolder()
        let path = try folder.write("secret.pcap", try octets(Repository.office))
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
        guard !FileManager.default.isReadableFile(atPath: path) else { return }  // root reads everything
        try refused(["secret.pcap"], in: folder, saying: ["secret.pcap", "permission"])
    }

    @Test func `a capture that is cut gives every whole packet, a warning with the place, and status 1`() throws {
        let folder = try TestFolder()
        let whole = try octets(Repository.office)
        let packets = try TestCapture.packets(Repository.office)
        var offset = 24
        for packet in packets.prefix(1000) { offset += 16 + packet.octets.count }
        for extra in [5, 16, 40] {
            let path = try folder.write("cut.pcap", Array(whole.prefix(offset + extra)))
            for (option, status) in [([], 1), (["--lenient"], 0)] as [([String], Int32)] {
                let result = try WeirCommand.run(["replay", path, "--logs", folder.path + "/l"] + option)
                #expect(result.status == status, "\(result.errors)")
                let warnings = result.lines.filter { $0.hasPrefix("warning: ") }
                #expect(warnings.count == 1 && warnings[0].contains("at octet \(offset)"), "\(result.errors)")
                #expect(result.errors.contains("1,000 packets"), "\(result.errors)")
            }
        }
        let store = folder.path + "/store"
        let result = try WeirCommand.run(["replay", folder.path + "/cut.pcap", "--store", store, "--quiet"])
        #expect(result.status == 1 && result.lines.count == 1, "\(result.errors)")
        #expect(try !StoreReader.open(store).segments(log: "conn").isEmpty, "what was whole is in the store")
    }

    @Test func `damage in the middle ends the file there and not the run`() throws {
        let folder = try TestFolder()
        let packets = (0..<10).map { TestPacket(Make.ethernet(Make.udp(1000, 2000 + $0, [1])), at: Double($0)) }
        var bad = TestCapture.make(packets)
        let record = 16 + packets[0].octets.count
        for index in 0..<4 { bad[24 + 5 * record + 8 + index] = 0xFF }  // a captured length of four gigabytes
        let first = try folder.write("a.pcap", bad)
        let second = try folder.write(
            "b.pcap", TestCapture.make([TestPacket(Make.ethernet(Make.udp(1001, 3000, [1])), at: 100)]))
        let result = try WeirCommand.run(["replay", first, second, "--logs", folder.path + "/l"])
        #expect(result.status == 1)
        #expect(result.errors.contains("at octet \(24 + 5 * record)"), "\(result.errors)")
        #expect(try LogLines(folder.path + "/l/conn.log").rows.count == 6)
    }

    @Test func `standard input that is no capture is refused`() throws {
        let folder = try TestFolder()
        try refused(["-"], in: folder, saying: ["-: "])
    }

    @Test func `captures come through standard input`() throws {
        let folder = try TestFolder()
        let command = "cat '\(Repository.office)' | '\(try #require(WeirCommand.path))' replay - --logs piped"
        let piped = try WeirCommand.program("/bin/sh", ["-c", command], in: folder.path)
        #expect(piped.status == 0, "\(piped.errors)")
        try TestRun().replay([Repository.office], into: folder.path)
        #expect(try folder.contents(of: "piped") == folder.contents(of: "logs"))
    }

    // MARK: options

    @Test func `wrong options are refused and the known ones listed`() throws {
        let folder = try TestFolder()
        _ = try folder.write("bad.yaml", Array("flows:\n  maximum: 4\n".utf8))
        _ = try folder.write("value.yaml", Array("workers: many\n".utf8))
        _ = try folder.write("binary.yaml", [0xFF, 0xFE, 0x00])
        let office = Repository.office
        try refused([office, "--analyzers", "dns,htp"], in: folder, saying: ["htp", "dns", "http", "ssl"])
        try refused([office, "--set", "flow.max=3"], in: folder, saying: ["flow.max", "flows.max", "sensor.name"])
        try refused([office, "--set", "flows.max=x"], in: folder, saying: ["flows.max", "x"])
        try refused([office, "--set", "nothing"], in: folder, saying: ["KEY=VALUE"])
        try refused([office, "--var", "NET=any"], in: folder, saying: ["NET", "HOME_NET", "EXTERNAL_NET"])
        try refused([office, "--log-format", "csv"], in: folder, saying: ["csv", "zeek-json", "zeek-tsv", "eve"])
        try refused([office, "--config", "bad.yaml"], in: folder, saying: ["bad.yaml:2", "flows.maximum", "flows.max"])
        try refused([office, "--config", "value.yaml"], in: folder, saying: ["value.yaml:1", "many"])
        try refused([office, "--config", "binary.yaml"], in: folder, saying: ["binary.yaml", "UTF-8"])
        try refused([office, "--config", "none.yaml"], in: folder, saying: ["none.yaml", "cannot be read"])
        try refused([office, "--bpf", "udp prot 53"], in: folder, saying: ["udp prot 53"])
        try refused([office, "--workers", "0"], in: folder, saying: ["--workers 0", "64"])
        #expect(try folder.contents().count == 3, "nothing was made")
    }

    @Test func `rule files that are not there end the run with one line`() throws {
        let folder = try TestFolder()
        let result = try WeirCommand.run(
            ["replay", Repository.office, "--rules", "a.rules", "--logs", "l", "--quiet"], in: folder.path)
        #expect(result.status == 2 && result.lines.count == 1, "\(result.errors)")
        #expect(result.errors.contains("a.rules"), "\(result.errors)")
    }

    @Test func `wrong usage has its own status and says how it is right`() throws {
        let folder = try TestFolder()
        for arguments in [["replay"], ["replay", "a", "--nonsense"], ["nonsense"], ["capture"]] {
            let result = try WeirCommand.run(arguments, in: folder.path)
            #expect(result.status == 64, "\(arguments)")
            #expect(result.errors.contains("Usage: weir"), "\(result.errors)")
        }
        let unknown = try WeirCommand.run(["schema", "nothing"])
        #expect(unknown.status == 2 && unknown.errors.contains("conn, "), "\(unknown.errors)")
        let absent = try WeirCommand.run(["capture", "-i", "absent0", "--logs", "l", "--store", "s"], in: folder.path)
        #expect(absent.status == 2 && absent.lines.count == 1 && absent.errors.contains("absent0"), "\(absent.errors)")
        #expect(try folder.contents().isEmpty)
    }

    // MARK: outputs

    @Test func `a store that another writer has is refused`() throws {
        let folder = try TestFolder()
        let writer = try StoreWriter(folder: folder.path + "/store")
        try refused([Repository.office, "--store", "store"], in: folder, saying: ["store", "another weir"])
        withExtendedLifetime(writer) {}
    }

    @Test func `a store of a newer version, a file, a damaged catalogue: refused and left as they are`() throws {
        let folder = try TestFolder()
        _ = try WeirCommand.run(["replay", Repository.office, "--store", "store", "--quiet"], in: folder.path)
        let newer = """
            import sqlite3
            with sqlite3.connect('store/catalogue.sqlite') as catalogue:
                catalogue.execute("UPDATE meta SET value = 99 WHERE key = 'version'")
            """
        _ = try WeirCommand.program("/usr/bin/env", ["python3", "-c", newer], in: folder.path)
        let before = try folder.contents(of: "store").filter { $0.key.hasSuffix(".parquet") }
        try refused([Repository.intrusion, "--store", "store"], in: folder, saying: ["store", "version 99"])
        #expect(try folder.contents(of: "store").filter { $0.key.hasSuffix(".parquet") } == before)
        _ = try folder.write("file", [1, 2, 3])
        try refused([Repository.office, "--store", "file"], in: folder, saying: ["file"])
        try FileManager.default.createDirectory(atPath: folder.path + "/damaged", withIntermediateDirectories: true)
        _ = try folder.write("damaged/catalogue.sqlite", [UInt8](repeating: 0x41, count: 5000))
        try refused([Repository.office, "--store", "damaged"], in: folder, saying: ["damaged"])
    }

    @Test func `a folder for logs that cannot be made is refused before anything is read`() throws {
        let folder = try TestFolder()
        _ = try folder.write("file", [1])
        try refused([Repository.office, "--logs", "file/logs", "--store", "st"], in: folder, saying: ["file/logs"])
        try refused([Repository.office, "--logs", "file"], in: folder, saying: ["file"])
        try FileManager.default.createDirectory(atPath: folder.path + "/lo/conn.log", withIntermediateDirectories: true)
        try refused([Repository.office, "--logs", "lo"], in: folder, saying: ["lo/conn.log"])
    }

    /// Runs `weir replay` with a file system of 64 KiB at `full`, in a mount namespace of its own.
    private func onFullDisk(_ options: String, in folder: TestFolder) throws -> WeirCommand.Result {
        let weir = try #require(WeirCommand.path)
        let script = """
            mkdir -p full && mount -t tmpfs -o size=64k tmpfs full || exit 90
            '\(weir)' replay '\(Repository.intrusion)' --quiet \(options); status=$?
            find full -type f -size +0 | grep -v '/logs/' | sort
            exit $status
            """
        return try WeirCommand.program("/usr/bin/env", ["unshare", "-m", "sh", "-c", script], in: folder.path)
    }

    static let mayMount = geteuid() == 0
        && (try? WeirCommand.program("/usr/bin/env", ["unshare", "-m", "true"]).status) == 0

    @Test(.enabled(if: mayMount, "needs root and mount namespaces"), arguments: [1, 2])
    func `a full disk ends the run with one line, and nothing half is visible`(_ workers: Int) throws {
        let folder = try TestFolder()
        let logs = try onFullDisk("--workers \(workers) --logs full/logs", in: folder)
        #expect(logs.status == 2, "\(logs.errors)")
        #expect(logs.lines.count == 1 && logs.errors.contains("full/logs"), "\(logs.errors)")
        #expect(logs.errors.contains("free some space"), "\(logs.errors)")
        let store = try onFullDisk("--workers \(workers) --store full/store", in: folder)
        #expect(store.status == 2, "\(store.errors)")
        #expect(store.lines.count == 1 && store.errors.contains("full"), "\(store.errors)")
        #expect(!store.output.contains(".parquet"), "\(store.output)")
    }
}
