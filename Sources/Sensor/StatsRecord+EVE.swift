// SPDX-License-Identifier: Apache-2.0
//
// The event `stats`: the counters by Suricata's names, where both count the same.
//
// Reads   the counters.
// Writes  one event.
// Leaves  counters that only one of the two has.

import Records

extension StatsRecord {
    /// `uptime`: seconds from the first packet to now.
    func event(uptime: UInt64) -> EventRecord {
        var record = EventRecord()
        record.ts = ts
        record.type = "stats"
        record.packet.number = 0
        record.packet.source = nil
        record.body.clear()
        record.body.open("stats")
        record.body.count("uptime", uptime)
        record.body.open("capture")
        record.body.count("kernel_packets", counters.kernelReceived)
        record.body.count("kernel_drops", counters.kernelDropped)
        record.body.count("kernel_ifdrops", counters.interfaceDropped)
        record.body.close()
        record.body.open("decoder")
        record.body.count("pkts", counters.packets)
        record.body.count("bytes", counters.bytes)
        record.body.count("invalid", counters.anomalous)
        record.body.close()
        record.body.open("defrag")
        record.body.count("max_frag_hits", counters.fragmentsRefused)
        record.body.close()
        record.body.open("flow")
        record.body.count("total", counters.connections)
        record.body.count("active", counters.liveConnections)
        record.body.count("memcap", counters.flowsRefused)
        record.body.close()
        record.body.open("tcp")
        record.body.count("segment_memcap_drop", counters.reassemblyRefused)
        record.body.close()
        record.body.open("limits")
        for limit in TableLimit.allCases { record.body.count(limit.column, counters.limits[limit]) }
        record.body.close()
        record.body.close()
        return record
    }
}
