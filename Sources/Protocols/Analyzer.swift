// SPDX-License-Identifier: Apache-2.0
//
// What a dissector of an application protocol is, and what it may use.
//
// Reads   in-order stream bytes or datagrams of one connection, both directions.
// Writes  records through the context; requests to its connection.
// Leaves  which analyzer runs (Analysis.swift, Registry.swift).

package import Files
package import Records
import Wire

/// One protocol on one connection. An instance is reused for another connection
/// after `reset()`, so that a busy sensor allocates nothing.
package class Analyzer {
    /// Which protocol this is.
    final let kind: AnalyzerKind
    /// The protocol was recognised: its name stands in `service`.
    final var isConfirmed = false
    /// Gets no more bytes: it violated, or has seen all it wanted.
    final var isDetached = false
    final var violationCount: UInt32 = 0
    /// The connection that announced this one, where one did.
    final var announcedBy: UID?
    /// The connection on which this analyzer has announced another.
    final fileprivate(set) var announcesFrom: UID?

    init(kind: AnalyzerKind) { self.kind = kind }

    /// In-order bytes of a TCP direction. `bytes` is borrowed for the call.
    func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {}
    /// One datagram; `wireLength` exceeds `bytes.byteCount` where the capture was cut.
    func datagram(_ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext) {}
    /// Shows a datagram to signatures after the analyzer was let go because of a violation: they
    /// want to see what follows all the same.
    func showDatagram(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {}
    /// Whether `showDatagram` does anything.
    var showsAfterViolation: Bool { false }
    /// `count` octets of a direction were not seen and will not come.
    func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {}
    /// A direction ended in order (FIN).
    func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {}
    /// The connection is over: what is half done is written now.
    func finish(_ context: inout AnalyzerContext) {}

    /// A connection that this analyzer has announced begins to carry a file.
    func transferBegan(_ file: FileHandle, _ context: inout AnalyzerContext) {}
    /// The first octets of such a connection tell a type, or none.
    func transferIdentified(_ type: MIMEType?, _ context: inout AnalyzerContext) {}
    /// The type of such a file is decided; nil where nothing matches.
    func transferTyped(_ type: MIMEType?, _ context: inout AnalyzerContext) {}
    /// Writes the members that an event of transaction `tx` has, such as `"http":{…}`, for an alert
    /// about it. Does nothing where the transaction is not known any more.
    func writeEVE(tx: UInt64, to event: inout EVEBuilder) {}
    /// Whether the analyzer writes the event of a file itself, later.
    func takesFile(_ file: SeenFile, isCut: Bool) -> Bool { false }
    /// Back to the state of a new instance; keeps memory.
    func reset() {
        isConfirmed = false
        isDetached = false
        violationCount = 0
        announcedBy = nil
    }

    /// The first valid message was seen: the service has a name.
    final func confirm(_ context: inout AnalyzerContext) {
        guard !isConfirmed, !isDetached else { return }
        isConfirmed = true
        context.serviceChanges.append(.confirmed(kind))
    }

    /// The bytes are not this protocol's. Detaches while the connection is young
    /// (`DPD::ignore_violations_after`, 10 240 octets of both sides); dropped on
    /// TCP connections that are partial or have a gap.
    final func violation(_ context: inout AnalyzerContext) {
        if context.id.transport == .tcp, context.isPartial || context.hasGap { return }
        violationCount &+= 1
        guard context.sizeSoFar <= 10_240 else { return }
        isDetached = true
        context.serviceChanges.append(.violated(kind, wasConfirmed: isConfirmed))
        if isConfirmed { context.logViolation(of: kind) }
        isConfirmed = false
    }
}

/// A change of what `service` says, in the order in which it happened.
enum ServiceChange: Equatable {
    case confirmed(AnalyzerKind)
    case violated(AnalyzerKind, wasConfirmed: Bool)
    /// What follows is another protocol, by agreement: which one, where that was said (STARTTLS; not CONNECT).
    case left(AnalyzerKind, for: AnalyzerKind?)
}

/// What an analyzer sees of the world: the connection at work, the time, and the
/// places where records, anomalies and requests go. One a worker.
package struct AnalyzerContext: ~Copyable {
    // The packet and connection at work; set by the worker before each call.

    /// Time of the packet at work (not of the newest packet).
    package var now = Timestamp.zero
    package var uid = UID(value: 0)
    package var id = ConnectionID(
        originator: Address(v4: 0), responder: Address(v4: 0), originatorPort: 0, responderPort: 0,
        transport: .unknown, protocolNumber: 0)
    /// TCP picked up in the middle: one side's first packet had no SYN.
    package var isPartial = false
    /// A content gap was met on either side.
    package var hasGap = false
    /// Octets of both sides so far, in sequence space.
    package var sizeSoFar: UInt64 = 0
    /// Rules store files, and there is a folder for them.
    package var storesFiles = false

    /// Rows go here: `context.output.emit(record)`.
    package var output: RecordOutput
    /// Requests to the connection; the worker empties it after each call.
    package var requests: [FlowRequest] = []
    /// What the signatures are shown (Analyzer+Signatures.swift); the worker empties it after each call.
    package var transactions = TransactionOutput()
    var serviceChanges: [ServiceChange] = []
    /// Rows of protocols that the delivery at work has taken back.
    var violations: [AnalyzerRecord] = []
    /// Anomalies of the connection, for the worker to filter and write; emptied after each call.
    package var weirds: [PendingWeird] = []
    /// The texts of `weirds`.
    package var weirdText = TextBuffer()
    /// Files begun so far on the connection at work, for file identities; the worker keeps it with
    /// the connection's analysis.
    package var fileOrdinal: UInt32 = 0
    package let settings: AnalyzerSettings
    let selection: AnalyzerSelection
    /// Analyzers that wait for a connection, by kind.
    var idle: [[Analyzer]]
    var idleProbeMemory: [ProbeMemory] = []
    /// For probes that look at more than one delivery.
    var probed = ProbedOctets()
    /// How many streams deep the work is: 1 inside an HTTP tunnel, 2 in one inside that.
    var nesting = 0
    /// Unpackers that wait for a compressed body.
    var inflaters: [Inflater] = []
    /// Unpackers of Brotli at work.
    var brotliCount = 0
    /// Programs, hosts and services that this worker has written today.
    var seen = RecentlySeen()
    /// Fingerprints of hellos that this worker has computed.
    var fingerprints = FingerprintCache()
    /// From when days are counted, for all workers the same; nil before the first packet.
    package var started: Timestamp?
    /// The day of the packet at work.
    var day: Int64 { now.day(since: started) }
    /// Certificates that this worker has read.
    var certificates = CertificateCache()
    /// Whether events of EVE are written; false costs the analyzers this one test.
    package let wantsEvents: Bool
    /// The packet at work, as far as events speak of it; set where `wantsEvents`.
    package var packet = EventPacket()
    /// The members of the event at work; see `beginEvent`.
    package var event = EVEBuilder()
    var eventRecord = EventRecord()
    /// The analyzer at work, which can tell of its transactions; set where `wantsEvents`.
    weak var describer: Analyzer?
    /// Limits of tables that were met.
    package var limits = LimitCounters()
    /// Events of TCP that wait for the packet which acknowledges what they tell of; the worker takes them.
    package var heldEvents: [EventRecord] = []
    /// What the event written last says that its connection carries.
    package var lastEventApplication: StaticString?
    /// Records of DNS that wait for a message.
    var idleTransactions: [DNSTransaction] = []
    /// Open transactions of DHCP, which span connections.
    var dhcp = DHCPTable()
    /// Virtual connections of DCE RPC over HTTP.
    var virtualConnections = DCERPCVirtualConnections()
    /// Analyzers that have announced connections, by their own connection.
    fileprivate(set) var announcers: [UID: Analyzer] = [:]
    /// Files at work, of all connections.
    var files = SeenFiles()
    var filesRecord = FilesRecord()

    package init(output: RecordOutput, settings: AnalyzerSettings, selection: AnalyzerSelection) {
        self.output = output
        self.settings = settings
        self.selection = selection
        wantsEvents = settings.wantsEvents
        idle = Array(repeating: [], count: AnalyzerKind.allCases.count)
    }

    /// Announces a connection from `originator` (nil for anybody) to a port of `responder`, which is
    /// then read by an analyzer of `kind`. While the announcing connection lives, `analyzer` hears
    /// of the files on it, and is found in `announcers`.
    mutating func expect(
        _ kind: AnalyzerKind, _ transport: Transport, from originator: Address?, to responder: Address,
        port: UInt16, by analyzer: Analyzer
    ) {
        guard port > 0 else { return }
        analyzer.announcesFrom = uid
        announcers[uid] = analyzer
        requests.append(
            .expect(
                Announcement(
                    originator: originator, responder: responder, port: port, transport: transport,
                    analyzer: kind.rawValue, announcer: uid, announcerID: id)))
    }

    /// An analyzer is done: nobody asks it about connections it has announced.
    mutating func forgetAnnouncer(_ analyzer: Analyzer) {
        guard let uid = analyzer.announcesFrom else { return }
        if announcers[uid] === analyzer { announcers[uid] = nil }
        analyzer.announcesFrom = nil
    }

    /// Reports an anomaly of the connection at work. `source` is the analyzer in capitals.
    mutating func weird(_ weird: Weird, source: StaticString) {
        weirds.append(PendingWeird(weird: weird, addl: .absent, source: source))
    }

    /// The same with more to say; `addl` is copied, cut at 1024 octets.
    mutating func weird(_ weird: Weird, addl: RawSpan, source: StaticString) {
        weirds.append(PendingWeird(weird: weird, addl: weirdText.add(addl, limit: 1024), source: source))
    }

    mutating func weird(_ weird: Weird, addl number: UInt64, source: StaticString) {
        let start = weirdText.begin()
        weirdText.append(decimal: number)
        weirds.append(PendingWeird(weird: weird, addl: weirdText.end(start), source: source))
    }
}

/// An anomaly that an analyzer has reported and the worker has not yet filtered.
package struct PendingWeird {
    package var weird: Weird
    package var addl: Text
    package var source: StaticString
}

/// Layers whose anomalies EVE tells of, by the names of Suricata's settings.
package enum EVEAnomalyKind: String, CaseIterable, Sendable {
    case decode, stream, applayer
}

/// Limits and choices of the analyzers; every one is a key of the configuration.
package struct AnalyzerSettings: Sendable {
    /// Unanswered queries of one connection (`dns.max_pending_msgs`).
    package var dnsPendingMax = 50
    /// Questions of one message (`dns_max_queries`).
    package var dnsQuestionsMax = 25
    /// Also look for anomalies in the authority and additional sections (`dns_skip_all_auth`, `dns_skip_all_addl`).
    package var dnsAllSections = false
    /// Requests of one connection that wait for a response (`HTTP::max_pending_requests`).
    package var httpPendingMax = 100
    /// Octets of one header line that are kept.
    package var httpLineBytesMax = 65_536
    /// Content codings of one HTTP body that are undone for signatures (`http.decompress_layers`).
    package var httpDecompressLayersMax = 2
    /// Open transactions of DHCP, over all connections (`dhcp.transactions_max`).
    package var dhcpTransactionsMax = 10_000
    /// Kinds of anomalies that EVE tells of (`eve.anomalies`).
    package var anomalies: Set<EVEAnomalyKind> = [.applayer]
    /// Whether events of EVE are written (`--log-format eve`).
    package var wantsEvents = false
    /// Limits of the file layer (`files.…`).
    package var files = FileSettings()
    /// TCP connections whose beginning was not seen count for signatures and events of flows.
    package var takesMidstream = false
    /// Secrets of TLS sessions (`--keylog`).
    package var keyLog: KeyLog?
    /// The sensor's name, part of every identity.
    package var sensorName = "weir"
    /// What counts as local, where a column tells local from remote.
    package var localNetworks: [AddressPrefix] = AddressPrefix.special

    package init() {}

    /// Whether an address is in one of the local networks.
    func isLocal(_ address: Address) -> Bool {
        for network in localNetworks where network.contains(address) { return true }
        return false
    }
}
