"""nftables: elements of sets and maps as own nfnetlink batches, everything else through `nft`."""
