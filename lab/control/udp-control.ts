/**
 * How the control client's datagrams get to nodes and back: by UDP, or inside the simulator.
 */
import { createSocket } from "node:dgram";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";

export interface ControlTransport {
  /** `address` is `host:port`. What can't be sent now is lost, as any datagram may be. @throws for an address that can't be one */
  send(datagram: Uint8Array, address: string): void;
  close(): Promise<void>;
}

/** @param onDatagram called with everything that arrives */
export type OpenControlTransport = (onDatagram: (datagram: Uint8Array) => void) => Promise<ControlTransport>;

/** One UDP socket on a port of its own. @throws LabError("failed") without one */
export const openUdpControl: OpenControlTransport = (onDatagram) =>
  new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.on("message", (datagram) => onDatagram(datagram));
    socket.once("error", (cause) => {
      const message = `no UDP socket for the control channel: ${cause.message}`;
      reject(new LabError("failed", message, NEXT.runDoctor(), { cause }));
    });
    socket.bind(0, () => {
      socket.removeAllListeners("error");
      // Errors of single datagrams are no errors of the socket: unreachable host, full buffer.
      socket.on("error", () => {});
      resolve({
        send(datagram, address) {
          const at = address.lastIndexOf(":");
          socket.send(datagram, Number(address.slice(at + 1)), address.slice(0, at), () => {});
        },
        close: () => new Promise((closed) => socket.close(() => closed())),
      });
    });
  });
