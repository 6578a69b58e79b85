// SPDX-License-Identifier: Apache-2.0
//
// Who reports an anomaly below the transports: the column `source`.

import Flows
import Records
import Wire

extension Anomaly {
    private static let weirds: [Weird?] = {
        let byName = Dictionary(uniqueKeysWithValues: Weird.allCases.map { ("\($0)", $0) })
        return Anomaly.allCases.map { byName["\($0)"] }
    }()

    /// Its name in the anomaly log; nil where that has none.
    var weird: Weird? { Anomaly.weirds[Int(rawValue)] }

    /// The packet analyzer in capitals, as Zeek names it; nil for what its IPv6 header
    /// chain reports without one.
    var source: StaticString? {
        switch self {
        case .truncated_link_header, .truncated_link_header_cfp, .truncated_ethernet_frame, .undefined_ether_type,
            .max_packet_analyzer_depth_exceeded:
            "ETHERNET"
        case .truncated_VLAN_header, .triple_tagged_vlan_unsupported, .undefined_vlan_protocol: "VLAN"
        case .truncated_vntag_header: "VNTAG"
        case .truncated_PBB_header: "PBB"
        case .truncated_llc_header: "LLC"
        case .truncated_snap_llc_header: "SNAP"
        case .truncated_pppoe_header, .pppoe_truncated_payload, .pppoe_extra_data_after_payload: "PPPOE"
        case .truncated_ppp_header: "PPP"
        case .truncated_ppp_serial_header, .truncated_ppp_hdlc_header: "PPPSERIAL"
        case .truncated_Linux_SLL_header: "LINUXSLL"
        case .truncated_Linux_SLL2_header: "LINUXSLL2"
        case .null_analyzer_failed: "NULL"
        case .truncated_radiotap_header: "IEEE802_11_RADIO"
        case .truncated_802_11_header, .truncated_802_11_llc_header, .truncated_802_11_amsdu_header,
            .truncated_802_11_amsdu_packet, .invalid_802_11_amsdu_inner_packet:
            "IEEE802_11"
        case .truncated_nflog_header, .unknown_nflog_version, .nflog_bad_tlv_len, .nflog_no_pcap_payload: "NFLOG"
        case .bad_MH_checksum, .mobility_piggyback, .multiple_routing_headers, .odd_routing0_len, .routing0_hdr,
            .bad_routing2_len, .unknown_routing_type, .bad_ipv6_dest_opt_len, .bad_home_addr_len,
            .multiple_home_addr_opts, .ipv6_no_next, .fragment_overlap, .fragment_inconsistency,
            .fragment_size_inconsistency, .fragment_protocol_inconsistency, .fragment_with_DF,
            .excessively_small_fragment, .excessively_large_fragment:
            nil
        case .exceeded_tunnel_max_depth, .truncated_inner_IP, .invalid_inner_IP_version,
            .inner_IP_payload_length_mismatch:
            "IPTUNNEL"
        case .truncated_GRE, .unknown_gre_version, .unknown_gre_flags, .egre_protocol_type, .gre_routing,
            .non_ip_packet_in_encap:
            "GRE"
        case .vxlan_empty_packet: "VXLAN"
        case .geneve_empty_packet, .geneve_invalid_version: "GENEVE"
        case .ayiya_empty_packet: "AYIYA"
        case .truncated_Teredo, .truncated_Teredo_authentication, .truncated_Teredo_origin_indication,
            .truncated_IPv6_in_Teredo, .Teredo_bubble_with_payload:
            "TEREDO"
        case .bad_TCP_header_len, .bad_TCP_checksum, .tcp_option_mss_invalid_len,
            .tcp_option_window_scale_invalid_len, .tcp_option_sack_invalid_len,
            .tcp_option_sack_blocks_invalid_len, .tcp_option_timestamps_invalid_len:
            "TCP"
        case .bad_UDP_checksum, .UDP_datagram_length_mismatch: "UDP"
        case .bad_ICMP_checksum: "ICMP"
        case .truncated_IP, .unknown_ip_version, .ip_hdr_len_zero, .truncated_IP_len, .invalid_IP_header_size,
            .internally_truncated_header, .IPv4_min_header_size, .bad_IP_checksum, .incompletely_captured_fragment,
            .truncated_header:
            "IP"
        }
    }

    /// Whether it is an anomaly of the UDP connection whose datagram holds the tunnel's header.
    var isOfCarrier: Bool {
        switch self {
        case .vxlan_empty_packet, .geneve_empty_packet, .geneve_invalid_version, .ayiya_empty_packet, .truncated_Teredo,
            .truncated_Teredo_authentication, .truncated_Teredo_origin_indication, .truncated_IPv6_in_Teredo,
            .Teredo_bubble_with_payload:
            true
        default: false
        }
    }

    /// What more the anomaly log says of it, where that is a fixed text.
    var explanation: WeirdDetail {
        self == .triple_tagged_vlan_unsupported ? .overwrittenTag : .none
    }
}
