-- PostgreSQL as revision 1 and the models of both tenants left it. History: never edit.

CREATE TABLE crm_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT crm_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE crm_customers (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    at BIGINT NOT NULL,
    stage VARCHAR(40) COLLATE "C" NOT NULL,
    stage_since BIGINT NOT NULL,
    language TEXT COLLATE "C",
    zone TEXT COLLATE "C",
    region TEXT COLLATE "C",
    channels TEXT COLLATE "C" NOT NULL,
    identifiers TEXT COLLATE "C" NOT NULL,
    contact_points TEXT COLLATE "C" NOT NULL,
    roles TEXT COLLATE "C" NOT NULL,
    relationships TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE crm_products (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    sku VARCHAR(100) COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    name TEXT COLLATE "C",
    category TEXT COLLATE "C",
    price_minor BIGINT,
    price_currency TEXT COLLATE "C",
    id BYTEA NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE crm_keys (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    kind VARCHAR(20) COLLATE "C" NOT NULL,
    scope VARCHAR(130) COLLATE "C" NOT NULL,
    value VARCHAR(254) COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    claim VARCHAR(254) COLLATE "C",
    PRIMARY KEY (tenant, kind, scope, value, id)
);

CREATE UNIQUE INDEX ux_crm_keys_claim ON crm_keys (tenant, kind, scope, claim);

CREATE INDEX ix_crm_keys_id ON crm_keys (tenant, kind, id);

CREATE TABLE crm_orders (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    resolved_customer_id BYTEA NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80) COLLATE "C",
    source_key VARCHAR(200) COLLATE "C",
    id BYTEA NOT NULL,
    recorded_at BIGINT,
    actor TEXT COLLATE "C",
    total_minor BIGINT NOT NULL,
    total_currency TEXT COLLATE "C" NOT NULL,
    lines TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C",
    base_amount_minor BIGINT,
    base_amount_currency TEXT COLLATE "C",
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_orders_source_key ON crm_orders (tenant, source, source_key);

CREATE INDEX ix_crm_orders_customer ON crm_orders (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_orders_at ON crm_orders (tenant, at);

CREATE TABLE crm_payments (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    resolved_customer_id BYTEA NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80) COLLATE "C",
    source_key VARCHAR(200) COLLATE "C",
    id BYTEA NOT NULL,
    recorded_at BIGINT,
    actor TEXT COLLATE "C",
    order_id BYTEA NOT NULL,
    amount_minor BIGINT NOT NULL,
    amount_currency TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C",
    base_amount_minor BIGINT,
    base_amount_currency TEXT COLLATE "C",
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_payments_source_key ON crm_payments (tenant, source, source_key);

CREATE INDEX ix_crm_payments_customer ON crm_payments (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_payments_at ON crm_payments (tenant, at);

CREATE INDEX ix_crm_payments_order ON crm_payments (tenant, order_id);

CREATE TABLE crm_fulfilments (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    resolved_customer_id BYTEA NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80) COLLATE "C",
    source_key VARCHAR(200) COLLATE "C",
    id BYTEA NOT NULL,
    recorded_at BIGINT,
    actor TEXT COLLATE "C",
    order_id BYTEA NOT NULL,
    complete BOOLEAN NOT NULL,
    reference TEXT COLLATE "C",
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_fulfilments_source_key ON crm_fulfilments (tenant, source, source_key);

CREATE INDEX ix_crm_fulfilments_customer ON crm_fulfilments (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_fulfilments_at ON crm_fulfilments (tenant, at);

CREATE INDEX ix_crm_fulfilments_order ON crm_fulfilments (tenant, order_id);

CREATE TABLE crm_cancellations (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    resolved_customer_id BYTEA NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80) COLLATE "C",
    source_key VARCHAR(200) COLLATE "C",
    id BYTEA NOT NULL,
    recorded_at BIGINT,
    actor TEXT COLLATE "C",
    order_id BYTEA NOT NULL,
    reason TEXT COLLATE "C",
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_cancellations_source_key ON crm_cancellations (tenant, source, source_key);

CREATE INDEX ix_crm_cancellations_customer ON crm_cancellations (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_cancellations_at ON crm_cancellations (tenant, at);

CREATE INDEX ix_crm_cancellations_order ON crm_cancellations (tenant, order_id);

CREATE TABLE crm_returns (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    resolved_customer_id BYTEA NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80) COLLATE "C",
    source_key VARCHAR(200) COLLATE "C",
    id BYTEA NOT NULL,
    recorded_at BIGINT,
    actor TEXT COLLATE "C",
    order_id BYTEA NOT NULL,
    amount_minor BIGINT NOT NULL,
    amount_currency TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    base_amount_minor BIGINT,
    base_amount_currency TEXT COLLATE "C",
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_returns_source_key ON crm_returns (tenant, source, source_key);

CREATE INDEX ix_crm_returns_customer ON crm_returns (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_returns_at ON crm_returns (tenant, at);

CREATE INDEX ix_crm_returns_order ON crm_returns (tenant, order_id);

CREATE TABLE crm_interactions (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    resolved_customer_id BYTEA NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80) COLLATE "C",
    source_key VARCHAR(200) COLLATE "C",
    id BYTEA NOT NULL,
    recorded_at BIGINT,
    actor TEXT COLLATE "C",
    channel TEXT COLLATE "C" NOT NULL,
    direction TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C",
    outcome TEXT COLLATE "C",
    subject TEXT COLLATE "C",
    waited_seconds BIGINT,
    lasted_seconds BIGINT,
    order_id BYTEA,
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_interactions_source_key ON crm_interactions (tenant, source, source_key);

CREATE INDEX ix_crm_interactions_customer ON crm_interactions (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_interactions_at ON crm_interactions (tenant, at);

CREATE TABLE crm_scores (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    resolved_customer_id BYTEA NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80) COLLATE "C",
    source_key VARCHAR(200) COLLATE "C",
    id BYTEA NOT NULL,
    recorded_at BIGINT,
    actor TEXT COLLATE "C",
    scorer VARCHAR(40) COLLATE "C" NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    unit TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C",
    why TEXT COLLATE "C",
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_scores_source_key ON crm_scores (tenant, source, source_key);

CREATE INDEX ix_crm_scores_customer ON crm_scores (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_scores_at ON crm_scores (tenant, at);

CREATE TABLE crm_profiles (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    customer_id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    stage VARCHAR(40) COLLATE "C" NOT NULL,
    stage_since BIGINT NOT NULL,
    known_since BIGINT NOT NULL,
    language TEXT COLLATE "C",
    zone TEXT COLLATE "C",
    region TEXT COLLATE "C",
    email TEXT COLLATE "C",
    phone TEXT COLLATE "C",
    attributes TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, customer_id),
    FOREIGN KEY(tenant, customer_id) REFERENCES crm_customers (tenant, id) ON DELETE CASCADE
);

CREATE INDEX ix_crm_profiles_stage ON crm_profiles (tenant, stage, customer_id);

CREATE TABLE crm_journal (
    seq BIGSERIAL NOT NULL,
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    position BIGINT,
    kind VARCHAR(20) COLLATE "C" NOT NULL,
    operation VARCHAR(10) COLLATE "C" NOT NULL,
    aggregate_id BYTEA,
    ids BYTEA NOT NULL,
    version BIGINT,
    changes TEXT COLLATE "C" NOT NULL,
    personal TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor TEXT COLLATE "C",
    source TEXT COLLATE "C",
    PRIMARY KEY (seq)
);

CREATE UNIQUE INDEX ux_crm_journal_position ON crm_journal (tenant, position);

CREATE INDEX ix_crm_journal_aggregate ON crm_journal (tenant, kind, aggregate_id);

CREATE TABLE crm_models (
    tenant VARCHAR(63) COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    definition TEXT COLLATE "C" NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, version)
);

INSERT INTO crm_version (version_num) VALUES ('crmcore_0001') RETURNING crm_version.version_num;

ALTER TABLE crm_profiles ADD COLUMN order_count BIGINT DEFAULT '0' NOT NULL CHECK (order_count > -9007199254740992 AND order_count < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN purchase_count BIGINT DEFAULT '0' NOT NULL CHECK (purchase_count > -9007199254740992 AND purchase_count < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN revenue_minor BIGINT DEFAULT '0' NOT NULL CHECK (revenue_minor > -9007199254740992 AND revenue_minor < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN first_purchase_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN last_purchase_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN returned_minor BIGINT DEFAULT '0' NOT NULL CHECK (returned_minor > -9007199254740992 AND returned_minor < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN paid_minor BIGINT DEFAULT '0' NOT NULL CHECK (paid_minor > -9007199254740992 AND paid_minor < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN interaction_count BIGINT DEFAULT '0' NOT NULL CHECK (interaction_count > -9007199254740992 AND interaction_count < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN last_interaction_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN last_channel TEXT COLLATE "C";

ALTER TABLE crm_profiles ADD COLUMN last_channel_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN last_channel__recorded_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN probability_alive DOUBLE PRECISION;

ALTER TABLE crm_profiles ADD COLUMN probability_alive_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN probability_alive__recorded_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN expected_purchases DOUBLE PRECISION;

ALTER TABLE crm_profiles ADD COLUMN expected_purchases_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN expected_purchases__recorded_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN lifetime_value DOUBLE PRECISION;

ALTER TABLE crm_profiles ADD COLUMN lifetime_value_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN lifetime_value__recorded_at BIGINT;

CREATE INDEX IF NOT EXISTS ix_crm_profiles_revenue_minor ON crm_profiles (tenant, revenue_minor, customer_id);

CREATE INDEX IF NOT EXISTS ix_crm_profiles_last_purchase_at ON crm_profiles (tenant, last_purchase_at, customer_id);

ALTER TABLE crm_profiles ADD COLUMN largest_minor BIGINT;

ALTER TABLE crm_profiles ADD COLUMN calls BIGINT DEFAULT '0' NOT NULL CHECK (calls > -9007199254740992 AND calls < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN last_topic TEXT COLLATE "C";

ALTER TABLE crm_profiles ADD COLUMN last_topic_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN last_topic__recorded_at BIGINT;

CREATE INDEX IF NOT EXISTS ix_crm_profiles_largest_minor ON crm_profiles (tenant, largest_minor, customer_id);
