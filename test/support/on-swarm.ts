// With LAB_TEST_RUNTIME=swarm the labs of test/docker lie on three hosts of a swarm, which are made here; else nothing is done.
import { SwarmHosts } from "./swarm-hosts.ts";

let hosts: SwarmHosts | null = null;

export async function setup(): Promise<void> {
  if (process.env.LAB_TEST_RUNTIME !== "swarm") return;
  hosts = await SwarmHosts.up(3, process.env.LAB_TEST_IMAGE);
  process.env.DOCKER_HOST = hosts.endpoint(1);
}

export async function teardown(): Promise<void> {
  await hosts?.[Symbol.asyncDispose]();
}
