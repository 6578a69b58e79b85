// SPDX-License-Identifier: Apache-2.0
//
// The stats log: what the sensor read, dropped and holds. One row an interval,
// live; one at the end of a replay.

package import Records
package import Store

package struct StatsRecord: LogRecord {
    package var ts = Timestamp.zero
    package var counters = SensorCounters()

    package init() {}

    package static let log = LogID.stats
    package static let summary: StaticString = "What the sensor read, what it dropped and why, and what it holds."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When the counters were read.")
        row.text("peer", "weir", "The sensor that they are of.")
        row.count("pkts_proc", counters.packets, "Packets read since the start.")
        row.count("bytes_recv", counters.bytes, "Octets of these packets on the wire.")
        row.count("pkts_dropped", counters.kernelDropped, "Packets that the kernel dropped for want of room.")
        row.count("pkts_ifdropped", counters.interfaceDropped, "Packets that the interface dropped.")
        row.count("pkts_link", counters.kernelReceived, "Packets that the kernel handed to the capture.")
        row.count("pkts_anomalous", counters.anomalous, "Packets that were dropped as damaged.")
        row.count("pkts_not_ip", counters.notIP, "Packets that carry no IP.")
        row.count("conns", counters.connections, "Connections begun since the start.")
        row.count("active_conns", counters.liveConnections, "Connections now open.")
        row.count("flows_refused", counters.flowsRefused, "Packets without a connection because the table was full.")
        row.count("reassem_refused", counters.reassemblyRefused, "Octets not held because a reassembly limit was met.")
        row.count("frags_refused", counters.fragmentsRefused, "Fragments dropped because a limit was met.")
        row.count("weirds_sampled", counters.weirdsSampled, "Anomalies left out of the log by sampling.")
        row.count("files", counters.files, "Files seen since the start.")
        row.count("files_evicted", counters.filesEvicted, "Files ended early because the table was full.")
        row.count("files_overflow", counters.filesOverflow, "Octets of files that were given up waiting for.")
        row.count("files_not_extracted", counters.filesNotExtracted, "Files that were not saved, or not whole.")
        row.count("store_rows_lost", counters.storeRowsLost, "Records lost while the store's disk was full.")
        row.count("ring_pkts", counters.ring.stored, "Packets that the packet ring has taken.")
        row.count("ring_bytes", counters.ring.storedBytes, "Octets that it has written for them.")
        row.count("ring_dropped", counters.ring.dropped, "Packets not kept because the disk was slow, or full.")
        row.count("ring_cut", counters.ring.cut, "Packets not kept because they are beyond their connection's cutoff.")
        row.count("ring_elephants", counters.ring.elephants, "Connections that reached the cutoff.")
        for limit in TableLimit.allCases { row.count(limit.column, counters.limits[limit], limit.summary) }
    }
}

/// What is counted; every worker has its own, added up when asked.
package struct SensorCounters: Sendable, Equatable {
    package var packets: UInt64 = 0
    package var bytes: UInt64 = 0
    package var kernelReceived: UInt64 = 0
    package var kernelDropped: UInt64 = 0
    package var interfaceDropped: UInt64 = 0
    package var anomalous: UInt64 = 0
    package var notIP: UInt64 = 0
    package var connections: UInt64 = 0
    package var liveConnections: UInt64 = 0
    package var flowsRefused: UInt64 = 0
    package var reassemblyRefused: UInt64 = 0
    package var fragmentsRefused: UInt64 = 0
    package var weirdsSampled: UInt64 = 0
    package var files: UInt64 = 0
    package var filesEvicted: UInt64 = 0
    package var filesOverflow: UInt64 = 0
    package var filesNotExtracted: UInt64 = 0
    package var storeRowsLost: UInt64 = 0
    /// Limits of other tables that were met.
    package var limits = LimitCounters()
    /// Of the packet ring, which all workers share.
    package var ring = PacketRingCounters()

    package init() {}

    package static func += (left: inout SensorCounters, right: SensorCounters) {
        left.packets &+= right.packets
        left.bytes &+= right.bytes
        left.kernelReceived &+= right.kernelReceived
        left.kernelDropped &+= right.kernelDropped
        left.interfaceDropped &+= right.interfaceDropped
        left.anomalous &+= right.anomalous
        left.notIP &+= right.notIP
        left.connections &+= right.connections
        left.liveConnections &+= right.liveConnections
        left.flowsRefused &+= right.flowsRefused
        left.reassemblyRefused &+= right.reassemblyRefused
        left.fragmentsRefused &+= right.fragmentsRefused
        left.weirdsSampled &+= right.weirdsSampled
        left.files &+= right.files
        left.filesEvicted &+= right.filesEvicted
        left.filesOverflow &+= right.filesOverflow
        left.filesNotExtracted &+= right.filesNotExtracted
        left.storeRowsLost &+= right.storeRowsLost
        left.limits += right.limits
    }
}
