// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong below the application: the names under which it is logged,
// and one finding in a packet.
//
// Reads   nothing.
// Writes  nothing: the decoder appends findings to `Layers`, the Sensor logs them.
// Leaves  how often each is logged to the records' own list of the same names.

/// A finding below the application protocols. A case is spelt as it is logged.
///
/// An anomaly *with addresses* was found behind a valid IP header and is logged
/// with that datagram's addresses; one without has only the packet's time.
@frozen public enum Anomaly: UInt8, CaseIterable, Error, BitwiseCopyable, Sendable {
    // Link headers: no addresses, unless the frame is itself inside a tunnel.
    case truncated_link_header
    case truncated_link_header_cfp
    case truncated_ethernet_frame
    case undefined_ether_type
    case truncated_VLAN_header
    case triple_tagged_vlan_unsupported
    case undefined_vlan_protocol
    case truncated_vntag_header
    case truncated_PBB_header
    case truncated_llc_header
    case truncated_snap_llc_header
    case truncated_pppoe_header
    case pppoe_truncated_payload
    case pppoe_extra_data_after_payload
    case truncated_ppp_header
    case truncated_ppp_serial_header
    case truncated_ppp_hdlc_header
    case truncated_Linux_SLL_header
    case truncated_Linux_SLL2_header
    case null_analyzer_failed
    case truncated_radiotap_header
    case truncated_802_11_header
    case truncated_802_11_llc_header
    case truncated_802_11_amsdu_header
    case truncated_802_11_amsdu_packet
    case invalid_802_11_amsdu_inner_packet
    case truncated_nflog_header
    case unknown_nflog_version
    case nflog_bad_tlv_len
    case nflog_no_pcap_payload
    case max_packet_analyzer_depth_exceeded

    // IP headers that cannot be believed: no addresses.
    case truncated_IP
    case unknown_ip_version
    case ip_hdr_len_zero
    case truncated_IP_len
    case invalid_IP_header_size
    case internally_truncated_header
    case IPv4_min_header_size

    // Behind an IP header: with addresses.
    case bad_IP_checksum
    case incompletely_captured_fragment
    case ipv6_no_next
    case bad_MH_checksum
    case mobility_piggyback
    case multiple_routing_headers
    case odd_routing0_len
    case routing0_hdr
    case bad_routing2_len
    case unknown_routing_type
    case bad_ipv6_dest_opt_len
    case bad_home_addr_len
    case multiple_home_addr_opts

    // Tunnel headers: with the addresses of the datagram that carries them.
    case exceeded_tunnel_max_depth
    case truncated_inner_IP
    case invalid_inner_IP_version
    case inner_IP_payload_length_mismatch
    case truncated_GRE
    case unknown_gre_version
    case unknown_gre_flags
    case egre_protocol_type
    case gre_routing
    case non_ip_packet_in_encap
    case vxlan_empty_packet
    case geneve_empty_packet
    case geneve_invalid_version
    case ayiya_empty_packet
    case truncated_Teredo
    case truncated_Teredo_authentication
    case truncated_Teredo_origin_indication
    case truncated_IPv6_in_Teredo
    case Teredo_bubble_with_payload

    // Transport headers: with addresses, found by the views of Transport.swift.
    case truncated_header
    case bad_TCP_header_len
    case bad_TCP_checksum
    case bad_UDP_checksum
    case bad_ICMP_checksum
    case UDP_datagram_length_mismatch
    case tcp_option_mss_invalid_len
    case tcp_option_window_scale_invalid_len
    case tcp_option_sack_invalid_len
    case tcp_option_sack_blocks_invalid_len
    case tcp_option_timestamps_invalid_len

    // Fragments: with addresses, found by the defragmenter.
    case fragment_overlap
    case fragment_inconsistency
    case fragment_size_inconsistency
    case fragment_protocol_inconsistency
    case fragment_with_DF
    case excessively_small_fragment
    case excessively_large_fragment
}

/// One anomaly in one packet.
@frozen public struct Finding: BitwiseCopyable, Sendable {
    public var anomaly: Anomaly
    /// Whether the four address words are those of a datagram; otherwise zero.
    public var hasAddresses: Bool
    /// How many tunnels were around the place.
    public var depth: UInt8
    /// A number that belongs to the name (a version, a type, the tag that was replaced), or -1.
    public var detail: Int32
    public var sourceHigh: UInt64
    public var sourceLow: UInt64
    public var targetHigh: UInt64
    public var targetLow: UInt64

    @inlinable
    public init(_ anomaly: Anomaly, depth: UInt8, detail: Int32 = -1) {
        self.anomaly = anomaly
        self.depth = depth
        self.detail = detail
        hasAddresses = false
        (sourceHigh, sourceLow, targetHigh, targetLow) = (0, 0, 0, 0)
    }

    @inlinable
    public init(_ anomaly: Anomaly, in layer: Layer, detail: Int32 = -1) {
        self.anomaly = anomaly
        self.depth = layer.depth
        self.detail = detail
        hasAddresses = true
        sourceHigh = layer.sourceHigh
        sourceLow = layer.sourceLow
        targetHigh = layer.targetHigh
        targetLow = layer.targetLow
    }
}
