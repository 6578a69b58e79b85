// SPDX-License-Identifier: Apache-2.0
// The classic BPF program by which the kernel spreads packets over workers.
//
// Reads   (in the kernel) the outer headers: Ethernet, one further VLAN tag, PPPoE; IPv4, IPv6, ARP.
// Writes  a number that is the same for both directions of an address pair; the kernel takes it modulo
//         the number of sockets. DHCP, and what has no addresses, goes to worker 0.
// Leaves  ports, so that fragments, FTP data and ICMP errors stay with their conversation; inner headers.
//
// Loads are relative to the network header (SKF_NET_OFF): incoming packets reach the program without their
// link header and outgoing ones with it. A load outside the packet ends the program with 0.

/// One instruction, laid out as the kernel's `struct sock_filter`.
struct BPFInstruction: BitwiseCopyable, Equatable {
    var code: UInt16
    var jumpIfTrue: UInt8 = 0
    var jumpIfFalse: UInt8 = 0
    var operand: UInt32 = 0
}

struct FanoutProgram {
    private enum Label: Hashable {
        case tag, protocolKnown, pppoe, ipv4, notUDP, ipv6, arp, mix, zero
    }

    private static let network: UInt32 = 0xFFF0_0000  // SKF_NET_OFF
    private static let packetProtocol: UInt32 = 0xFFFF_F000  // SKF_AD_OFF + SKF_AD_PROTOCOL

    private(set) var instructions: [BPFInstruction] = []
    private var places: [Label: Int] = [:]
    private var jumps: [(at: Int, to: Label)] = []

    /// X is the distance of the IP header from the kernel's network header; M[1] keeps it.
    init() {
        emit(0x01, 0)  // ldx #0
        emit(0x28, Self.packetProtocol)  // ldh proto
        jump(0x8100, .tag)
        jump(0x88A8, .tag)
        go(.protocolKnown)
        place(.tag)  // the kernel has taken the outer tag off; this is a second one
        emit(0x28, Self.network &+ 2)  // ldh [net + 2]
        emit(0x01, 4)  // ldx #4
        place(.protocolKnown)
        jump(0x0800, .ipv4)
        jump(0x86DD, .ipv6)
        jump(0x0806, .arp)
        jump(0x8864, .pppoe)
        go(.zero)
        pppoe()
        ipv4()
        ipv6()
        place(.arp)
        pair(14, 24)  // the protocol addresses of sender and target
        place(.mix)
        emit(0x24, 0x9E37_79B1)  // mul: neighbouring addresses must not fall together
        emit(0x74, 16)  // rsh
        emit(0x16, 0)  // ret a
        place(.zero)
        emit(0x06, 0)  // ret #0
        resolve()
    }

    private mutating func pppoe() {
        place(.pppoe)
        emit(0x48, Self.network &+ 6)  // ldh [x + net + 6], the PPP protocol
        emit(0x02, 0)  // st M[0]
        emit(0x87, 0)  // txa
        emit(0x04, 8)  // add #8
        emit(0x07, 0)  // tax
        emit(0x60, 0)  // ld M[0]
        jump(0x0021, .ipv4)
        jump(0x0057, .ipv6)
        go(.zero)
    }

    private mutating func ipv4() {
        place(.ipv4)
        emit(0x03, 1)  // stx M[1]
        emit(0x50, Self.network &+ 9)  // ldb [x + net + 9]
        emit(0x15, 17, isTrue: 1, isFalse: 0)
        go(.notUDP)
        emit(0x50, Self.network)  // ldb [x + net]: the header's length in words
        emit(0x54, 15)
        emit(0x64, 2)
        emit(0x0C, 0)  // add x
        emit(0x07, 0)  // tax
        emit(0x48, Self.network)  // ldh [x + net], the source port
        jump(67, .zero)
        jump(68, .zero)
        emit(0x61, 1)  // ldx M[1]
        place(.notUDP)
        pair(12, 16)
    }

    private mutating func ipv6() {
        place(.ipv6)
        emit(0x03, 1)  // stx M[1]
        emit(0x40, Self.network &+ 8)
        emit(0x02, 2)  // st M[2]
        for offset in stride(from: UInt32(12), through: 36, by: 4) {
            emit(0x40, Self.network &+ offset)  // ld [x + net + offset]
            emit(0x61, 2)  // ldx M[2]
            emit(0xAC, 0)  // xor x
            emit(0x02, 2)  // st M[2]
            emit(0x61, 1)  // ldx M[1]
        }
        emit(0x60, 2)  // ld M[2]
        go(.mix)
    }

    /// A = the exclusive or of two words, then on to the mixing.
    private mutating func pair(_ first: UInt32, _ second: UInt32) {
        emit(0x40, Self.network &+ first)
        emit(0x02, 2)
        emit(0x40, Self.network &+ second)
        emit(0x61, 2)
        emit(0xAC, 0)
        go(.mix)
    }

    private mutating func emit(_ code: UInt16, _ operand: UInt32, isTrue: UInt8 = 0, isFalse: UInt8 = 0) {
        instructions.append(
            BPFInstruction(code: code, jumpIfTrue: isTrue, jumpIfFalse: isFalse, operand: operand))
    }

    /// Goes to `label` when A equals `value`; conditional jumps reach 255 instructions only, so each skips a long one.
    private mutating func jump(_ value: UInt32, _ label: Label) {
        emit(0x15, value, isTrue: 0, isFalse: 1)
        go(label)
    }

    private mutating func go(_ label: Label) {
        jumps.append((instructions.count, label))
        emit(0x05, 0)
    }

    private mutating func place(_ label: Label) { places[label] = instructions.count }

    private mutating func resolve() {
        for jump in jumps {
            guard let target = places[jump.to] else { preconditionFailure("a label of the program has no place") }
            instructions[jump.at].operand = UInt32(target &- jump.at &- 1)
        }
    }
}
