// SPDX-License-Identifier: Apache-2.0
// Live capture on a veth pair, between two network namespaces that end with the test.
//
// Reads   traffic of its own making: real programs (a small UDP server and client in Python) talk.
// Writes  nothing outside the two namespaces.
// Leaves  hosts where namespaces may not be made: the tests are skipped there, and say so.

import Foundation
import Testing

@testable import Capture

/// What the tests need of the host.
enum LiveHost {
    static let isReady: Bool = {
        guard geteuid() == 0 else { return false }
        let tools = ["ip", "nsenter", "unshare", "python3"]
        return tools.allSatisfy { run("command -v \($0)") == 0 } && run("unshare -n true") == 0
    }()

    /// Moves the calling thread into a network namespace of its own.
    static func leaveNetwork() -> Bool {
        typealias Unshare = @convention(c) (Int32) -> Int32
        // Safe: unshare(2) has exactly this type; Swift's C library module leaves its header out.
        guard let unshare = unsafe dlsym(nil, "unshare") else { return false }
        // Safe: as above.
        return unsafe unsafeBitCast(unshare, to: Unshare.self)(0x4000_0000) == 0  // CLONE_NEWNET
    }

    /// Runs a shell command in the network namespace of the calling thread. Not by Foundation's `Process`, whose
    /// watch for the end may miss it once the user is another one.
    @discardableResult static func run(_ command: String) -> Int32 {
        // Safe: the command is copied for the call.
        let status = unsafe system("( \(command)\n) >/dev/null 2>&1")
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
    }
}

/// Two hosts on one wire: `near` in the thread's own namespace, `far` in that of a sleeping process.
final class LiveWire {
    private let sleeper = Process()
    let server = Process()
    var pid: Int32 { sleeper.processIdentifier }

    /// The calling thread moves into a new namespace, and ends with the test.
    init() throws {
        try #require(LiveHost.leaveNetwork())
        let ready = Pipe()
        sleeper.executableURL = URL(fileURLWithPath: "/bin/sh")
        sleeper.arguments = ["-c", "exec unshare -n sh -c 'echo ready; exec sleep 60'"]
        sleeper.standardOutput = ready
        sleeper.standardError = FileHandle.nullDevice
        try sleeper.run()
        _ = ready.fileHandleForReading.availableData
        let far = (2...17).map { "ip addr add 10.99.0.\($0)/24 dev far" }.joined(separator: "; ")
        let setUp = """
            set -e
            ip link add near type veth peer name far
            ip link set far netns \(pid)
            ip addr add 10.99.0.1/24 dev near
            ip link set near up
            nsenter -t \(pid) -n sh -e -c '\(far); ip link set far up'
            """
        try #require(LiveHost.run(setUp) == 0)
    }

    deinit {
        // Not terminate(): a child inherits the signals that the test's threads hold back.
        for process in [sleeper, server] where process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// A server at the far end which sends every datagram back.
    func serve() throws {
        let program = """
            import socket, select
            sockets = []
            for last in range(2, 18):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(('10.99.0.%d' % last, 9999))
                sockets.append(s)
            print('ready', flush=True)
            while True:
                ready = select.select(sockets, [], [], 20)[0]
                if not ready: break
                for s in ready:
                    data, peer = s.recvfrom(2000)
                    s.sendto(data, peer)
            """
        let ready = Pipe()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        server.arguments = ["nsenter", "-t", "\(pid)", "-n", "python3", "-c", program]
        server.standardOutput = ready
        server.standardError = FileHandle.nullDevice
        try server.run()
        _ = ready.fileHandleForReading.availableData
    }

    /// Sends `count` datagrams to each far address and waits for the answers.
    func talk(_ count: Int) -> Int32 {
        let program = """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
            for n in range(\(count)):
                for last in range(2, 18):
                    s.sendto(b'datagram %d' % n, ('10.99.0.%d' % last, 9999)); s.recvfrom(2000)
            """
        return LiveHost.run("python3 -c \"\(program)\"")
    }
}

/// Runs `body` on a thread of its own, which may move into another namespace and ends with it.
func onOwnThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
        Thread { done.resume(with: Result { try body() }) }.start()
    }
}

@Suite(
    "live interfaces", .serialized,
    .enabled(if: LiveHost.isReady, "needs root, network namespaces, ip, nsenter and python3"))
struct LiveTests {
    /// Source and target address of a UDP frame to or from port 9999.
    private static func pair(_ data: [UInt8]) -> [[UInt8]]? {
        guard data.count >= 42, data[12...13] == [8, 0], data[23] == 17 else { return nil }
        return [Array(data[26..<30]), Array(data[30..<34])].sorted { $0.lexicographicallyPrecedes($1) }
    }

    @Test func `two workers share the packets of an interface by address pair`() async throws {
        try await onOwnThread {
            let wire = try LiveWire()
            defer { withExtendedLifetime(wire) {} }
            try wire.serve()
            var options = LiveOptions(interface: "near")
            options.workers = 2
            options.filter = "udp port 9999"
            options.bufferByteCount = 4 << 20
            let sockets = try LiveInterface.open(options)
            #expect(sockets.map(\.linkType) == [1, 1])
            #expect(sockets.flatMap(\.warnings).isEmpty)
            #expect(wire.talk(20) == 0)
            let block = PacketBlock()
            var workers: [[[UInt8]]: Set<Int>] = [:]
            var counts: [[[UInt8]]: Int] = [:]
            for (worker, socket) in sockets.enumerated() {
                // A ring's block is handed over when it is full or old, so one empty wait is not the end.
                var quiet = 0
                while quiet < 3 {
                    quiet = try socket.nextBlock(into: block) ? 0 : quiet + 1
                    for packet in block.seen {
                        let key = try #require(Self.pair(packet.data))
                        workers[key, default: []].insert(worker)
                        counts[key, default: 0] += 1
                        #expect(packet.wireLength == packet.data.count)
                    }
                }
            }
            #expect(counts.count == 16)
            #expect(counts.values.allSatisfy { $0 == 40 }, "each datagram once in each direction")
            #expect(workers.values.allSatisfy { $0.count == 1 }, "both directions at one worker")
            #expect(Set(workers.values.flatMap { $0 }) == [0, 1], "both workers have work")
            let statistics = sockets.map { $0.statistics() }
            #expect(statistics.map(\.received).reduce(0, +) == 640)
            #expect(statistics.allSatisfy { $0.dropped == 0 })
        }
    }

    @Test func `one socket sees all packets in order and with times of now`() async throws {
        try await onOwnThread {
            let wire = try LiveWire()
            defer { withExtendedLifetime(wire) {} }
            try wire.serve()
            var options = LiveOptions(interface: "near")
            options.snapLength = 64
            options.filter = "udp"
            let socket = try #require(try LiveInterface.open(options).first)
            let block = PacketBlock()
            #expect(try !socket.nextBlock(into: block))
            let before = Date().timeIntervalSince1970
            #expect(wire.talk(3) == 0)
            var seen: [Seen] = []
            while try socket.nextBlock(into: block) { seen += block.seen }
            #expect(seen.count == 96)
            #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.time <= $1.time })
            #expect(seen.allSatisfy { abs(Double($0.time) / 1e9 - before) < 60 })
            #expect(seen.allSatisfy { $0.data.count <= 64 })
            #expect(LiveHost.run("ip link del near") == 0)
            #expect(throws: CaptureError(.interface, "", "", advice: "")) {
                for _ in 0..<10 { _ = try socket.nextBlock(into: block) }
            }
        }
    }

    @Test func `an interface that is not there and a wrong filter are refused`() async throws {
        try await onOwnThread {
            let wire = try LiveWire()
            defer { withExtendedLifetime(wire) {} }
            #expect(throws: CaptureError(.interface, "", "", advice: "")) {
                try LiveInterface.open(LiveOptions(interface: "absent0"))
            }
            var options = LiveOptions(interface: "near")
            options.filter = "udp prot 53"
            #expect(throws: CaptureError(.filter, "", "", advice: "")) { try LiveInterface.open(options) }
        }
    }

    @Test func `after the user is changed root is gone and an interface can still be opened`() async {
        await #expect(processExitsWith: .success) {
            guard LiveHost.leaveNetwork(), LiveHost.run("ip link set lo up") == 0 else { exit(2) }
            try Privileges.drop(toUser: "nobody")
            guard geteuid() != 0, getuid() != 0, setuid(0) != 0 else { exit(3) }
            var options = LiveOptions(interface: "lo")
            options.isPromiscuous = false
            guard try LiveInterface.open(options).count == 1 else { exit(4) }
        }
    }

    @Test func `a user that is not there is refused`() {
        #expect(throws: CaptureError(.privileges, "", "", advice: "")) {
            try Privileges.drop(toUser: "no-such-user-here")
        }
    }
}

@Suite("the fanout program") struct FanoutProgramTests {
    @Test func `every jump stays inside the program and every way ends in a return`() {
        let instructions = FanoutProgram().instructions
        #expect(instructions.last?.code == 0x06)
        for (index, instruction) in instructions.enumerated() {
            let next = index + 1
            switch instruction.code {
            case 0x05: #expect(next + Int(instruction.operand) < instructions.count)
            case 0x15: #expect(next + Int(max(instruction.jumpIfTrue, instruction.jumpIfFalse)) < instructions.count)
            default: break
            }
        }
    }
}
