// SPDX-License-Identifier: Apache-2.0
//
// Tests SMB: shares, files, compounds, pipes, logins; both families of versions.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct SMBTests {
    static let logs = [
        SMBMappingRecord.makeSchema(), SMBFilesRecord.makeSchema(), DCERPCRecord.makeSchema(), NTLMRecord.makeSchema(),
        KerberosRecord.makeSchema(), X509Record.makeSchema(),
    ]

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 445, logs: logs) { SMB() }
    }

    static let login: [(Direction, [UInt8])] = [
        (.originator, SMBMade.sessionSetup(1, SPNEGOMade.initial(NTLMMade.negotiate))),
        (.responder, SMBMade.sessionAnswer(1, status: 0xC000_0016, SPNEGOMade.answer(1, NTLMMade.challenge))),
        (.originator, SMBMade.sessionSetup(2, SPNEGOMade.answer(1, NTLMMade.authenticate))),
        (.responder, SMBMade.sessionAnswer(2, status: 0, SPNEGOMade.answer(0, []))),
    ]

    static func connect(_ path: String, kind: UInt8 = 1) -> [(Direction, [UInt8])] {
        [
            (.originator, SMBMade.treeConnect(3, path)),
            (.responder, SMBMade.treeAnswer(3, tree: 5, kind: kind)),
        ]
    }

    static func create(_ number: UInt64, _ path: String, handle: UInt64, size: UInt64 = 0, options: UInt64 = 0)
        -> [(Direction, [UInt8])]
    {
        [
            (
                .originator,
                SMBMade.frame(SMBMade.message2(5, number, tree: 5, SMBMade.createBody(path, options: options)))
            ),
            (
                .responder,
                SMBMade.frame(
                    SMBMade.message2(
                        5, number, tree: 5, isResponse: true, SMBMade.createAnswerBody(handle, size: size)))
            ),
        ]
    }

    static let share = conversation(
        login + connect("\\\\srv\\data") + create(4, "notes.txt", handle: 7, size: 5) + [
            (.originator, SMBMade.frame(SMBMade.message2(8, 5, tree: 5, SMBMade.readBody(7, length: 5)))),
            (
                .responder,
                SMBMade.frame(
                    SMBMade.message2(8, 5, tree: 5, isResponse: true, SMBMade.readAnswerBody(octets("hello"))))
            ),
            (
                .originator,
                SMBMade.frame(
                    SMBMade.message2(
                        17, 6, tree: 5,
                        SMBMade.setInfoBody(
                            7, 10, zeros(16) + little(UInt64(wide("old.txt").count), 4) + wide("old.txt"))))
            ),
            (.originator, SMBMade.frame(SMBMade.message2(17, 7, tree: 5, SMBMade.setInfoBody(7, 13, [1])))),
            (.originator, SMBMade.frame(SMBMade.message2(6, 8, tree: 5, SMBMade.closeBody(SMBMade.handle(7))))),
        ])

    static let ntlmRow =
        "username=alice hostname=PC domainname=DOM server_nb_computer_name=SRV "
        + "server_dns_computer_name=srv.example server_tree_name=example success=T"

    @Test func `a file is opened, renamed and deleted on a share`() {
        let outcome = Self.share.play()
        #expect(
            outcome.rows == [
                "path=\\\\srv\\data share_type=DISK",
                "action=SMB::FILE_OPEN path=\\\\srv\\data name=notes.txt size=5",
                "action=SMB::FILE_RENAME path=\\\\srv\\data name=old.txt size=5 prev_name=notes.txt",
                "action=SMB::FILE_DELETE path=\\\\srv\\data name=old.txt size=5 prev_name=notes.txt",
                Self.ntlmRow,
            ])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.share.expectRobust(rowsMax: 6) }

    @Test func `the content of a file goes to the file layer, whatever the pieces`() {
        for pieces in [1, 7, 50, .max] {
            let bench = DatagramBench(SMB(), port: 445, .tcp, logs: Self.logs)
            for (direction, octets) in Self.share.turns {
                for start in stride(from: 0, to: octets.count, by: min(pieces, octets.count)) {
                    bench.stream(octets[start..<min(octets.count, start + min(pieces, octets.count))], from: direction)
                }
            }
            let files = bench.rows(.files)
            #expect(files.count == 1)
            #expect(files.first?.text("filename") == "notes.txt")
            #expect(files.first?.number("seen_bytes") == 5)
            #expect(files.first?.text("source") == "SMB")
            let rows = bench.rows(.smbFiles)
            #expect(rows.first?.number("fuid") == nil)
            #expect(rows.last?.number("fuid") == files.first?.number("fuid"))
        }
    }

    @Test func `the parts of a compound are about one file`() {
        let request = SMBMade.frame(
            SMBMade.message2(5, 4, tree: 5, hasNext: true, SMBMade.createBody("")),
            SMBMade.message2(8, 5, tree: 5, isRelated: true, hasNext: true, SMBMade.readBody(nil, length: 9)),
            SMBMade.message2(6, 6, tree: 5, isRelated: true, SMBMade.closeBody(SMBMade.related)))
        let answer = SMBMade.frame(
            SMBMade.message2(5, 4, tree: 5, isResponse: true, hasNext: true, SMBMade.createAnswerBody(9, size: 3)),
            SMBMade.message2(
                8, 5, tree: 5, isResponse: true, isRelated: true, hasNext: true, SMBMade.readAnswerBody(octets("abc"))),
            SMBMade.message2(6, 6, tree: 5, isResponse: true, isRelated: true, little(60, 2) + zeros(58)))
        let talk = Self.conversation(
            Self.connect("\\\\srv\\data") + [(.originator, request), (.responder, answer)])
        let outcome = talk.play()
        #expect(
            outcome.rows == [
                "path=\\\\srv\\data share_type=DISK",
                "action=SMB::FILE_OPEN path=\\\\srv\\data name=<share_root> size=3",
            ])
        #expect((outcome.analyzer as? SMB)?.files.isEmpty == true)
        // Damaged options may ask for deletion on close.
        talk.expectRobust(rowsMax: 3)
    }

    @Test func `what is deleted on close is said to be, and the same thing is not said twice`() {
        let once = Self.create(4, "tmp", handle: 7, options: 0x1000)
        let again = Self.create(5, "tmp", handle: 8, options: 0x1000)
        let rows = Self.conversation(Self.connect("\\\\srv\\data") + once + again).play().rows
        #expect(
            rows == [
                "path=\\\\srv\\data share_type=DISK",
                "action=SMB::FILE_OPEN path=\\\\srv\\data name=tmp size=0",
                "action=SMB::FILE_DELETE path=\\\\srv\\data name=tmp size=0",
            ])
    }

    @Test func `procedures are called over a pipe, by writing and by exchanging`() {
        func control(_ number: UInt64, _ content: [UInt8], answer: [UInt8]) -> [(Direction, [UInt8])] {
            [
                (
                    .originator, SMBMade.frame(SMBMade.message2(11, number, tree: 5, SMBMade.controlBody(7, content)))
                ),
                (
                    .responder,
                    SMBMade.frame(
                        SMBMade.message2(11, number, tree: 5, isResponse: true, SMBMade.controlAnswerBody(7, answer)))
                ),
            ]
        }
        let write: [(Direction, [UInt8])] = [
            (.originator, SMBMade.frame(SMBMade.message2(9, 5, tree: 5, SMBMade.writeBody(7, DCERPCMade.bind())))),
            (.originator, SMBMade.frame(SMBMade.message2(8, 6, tree: 5, SMBMade.readBody(7, length: 9)))),
            (
                .responder,
                SMBMade.frame(
                    SMBMade.message2(8, 6, tree: 5, isResponse: true, SMBMade.readAnswerBody(DCERPCMade.bindAck())))
            ),
        ]
        let talk = Self.conversation(
            Self.connect("\\\\srv\\IPC$", kind: 2) + Self.create(4, "svcctl", handle: 7) + write
                + control(7, DCERPCMade.request(15), answer: DCERPCMade.response()))
        let outcome = talk.play()
        #expect(
            outcome.rows == [
                "path=\\\\srv\\IPC$ share_type=PIPE",
                "named_pipe=\\PIPE\\svcctl endpoint=svcctl operation=OpenSCManagerW",
            ])
        talk.expectRobust(rowsMax: 3)
    }

    @Test func `a pipe is known by its name where its share was not seen`() {
        let rows = Self.conversation(Self.create(4, "srvsvc", handle: 7)).play().rows
        #expect(rows.isEmpty)
    }

    @Test func `Kerberos inside of a session has its row`() {
        let turns: [(Direction, [UInt8])] = [
            (
                .originator,
                SMBMade.sessionSetup(
                    1, SPNEGOMade.initial(SPNEGOMade.kerberos(KerberosMade.applicationRequest)))
            ),
            (
                .responder,
                SMBMade.sessionAnswer(
                    1, status: 0, SPNEGOMade.answer(0, SPNEGOMade.kerberos(KerberosMade.applicationReply)))
            ),
        ]
        let talk = Self.conversation(turns)
        #expect(
            talk.play().rows == [
                "request_type=AP client=/EXAMPLE service=cifs/srv success=T cipher=aes128-cts-hmac-sha1-96"
            ])
    }

    // MARK: version 1

    static let chain: [UInt8] = [0xFF, 0, 0, 0]

    static let version1 = conversation([
        (
            .originator,
            SMBMade.message1(
                0x75, 1, words: chain + zeros(2) + little(1, 2), [0] + wide("\\\\srv\\data\0") + octets("?????\0"))
        ),
        (
            .responder,
            SMBMade.message1(
                0x75, 1, isResponse: true, words: chain + zeros(2), octets("A:\0") + wide("NTFS\0"))
        ),
        (
            .originator,
            SMBMade.message1(0xA2, 2, words: chain + zeros(44), [0] + wide("a.txt\0"))
        ),
        (
            .responder,
            SMBMade.message1(
                0xA2, 2, isResponse: true,
                words: chain + [0] + little(0x4000, 2) + little(1, 4) + (0..<4).flatMap { _ in little(SMBMade.time, 8) }
                    + zeros(12) + little(12, 8) + zeros(5), [])
        ),
        (.originator, SMBMade.message1(0x04, 3, words: little(0x4000, 2) + zeros(4), [])),
    ])

    @Test func `version 1 has the same rows`() {
        #expect(
            Self.version1.play().rows == [
                "path=\\\\srv\\data service=A: native_file_system=NTFS share_type=DISK",
                "action=SMB::FILE_OPEN name=a.txt size=12",
            ])
    }

    @Test func `version 1 in pieces, cut, with gaps and damaged does no harm`() {
        Self.version1.expectRobust(rowsMax: 3)
    }

    @Test func `commands chained backwards end the chain`() {
        let turns: [(Direction, [UInt8])] = [
            (
                .originator,
                SMBMade.message1(0x24, 1, words: [0x24, 0, 32, 0] + zeros(12), [])
            )
        ]
        #expect(Self.conversation(turns).play().weirds == [.smb_andx_offset_not_advancing])
    }

    // MARK: what is not read

    @Test func `encrypted and compressed frames are passed over`() {
        let sealed: [UInt8] = [0, 0, 0, 60, 0xFD] + octets("SMB") + zeros(56)
        let turns = Self.connect("\\\\srv\\data") + [(.responder, sealed)] + Self.create(4, "a", handle: 1)
        let outcome = Self.conversation(turns).play()
        #expect(outcome.rows.count == 2)
        #expect((outcome.analyzer as? SMB)?.encryptedFrames == 1)
    }

    @Test func `impossible lengths end the analyzer`() {
        // A compound whose next message stands outside of the frame.
        var message = SMBMade.message2(13, 1, little(4, 2) + zeros(2))
        message[20] = 0xFF
        let outcome = Self.conversation([(.originator, SMBMade.frame(message))]).play()
        #expect(outcome.analyzer.isDetached)
        #expect(outcome.rows.isEmpty)
    }

    @Test func `another protocol is not SMB`() {
        let outcome = Self.share.playHTTP()
        #expect(outcome.rows.isEmpty)
        #expect(!outcome.analyzer.isConfirmed)
        #expect(verdict(SMBProbe.message, octets("GET / HTTP")) == .never)
        #expect(verdict(SMBProbe.message, SMBMade.treeConnect(1, "x")) == .matches)
    }

    @Test func `tables have a bound`() {
        let bench = DatagramBench(SMB(), port: 445, .tcp, logs: Self.logs)
        for number in 1...3000 {
            bench.stream(SMBMade.treeConnect(UInt64(number), "\\\\srv\\x"))
            bench.stream(
                SMBMade.frame(
                    SMBMade.message2(
                        8, UInt64(100_000 + number), tree: UInt64(number),
                        SMBMade.readBody(UInt64(number) << 20, length: 1))))
        }
        let analyzer = bench.analyzer as? SMB
        #expect(analyzer.map { $0.pending.count <= 1000 && $0.trees.count <= 1000 && $0.files.count <= 4096 } == true)
        #expect(bench.weirds.contains(.SMB_discarded_messages_state))
    }

    @Test func `a time is counted from 1601`() {
        #expect(Timestamp(windows: SMBMade.time) == Timestamp(seconds: 1_767_323_045))
        #expect(Timestamp(windows: .max).nanoseconds == .max)
        #expect(Timestamp(windows: 0).nanoseconds == .min)
    }
}
