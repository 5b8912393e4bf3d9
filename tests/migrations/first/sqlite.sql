-- SQLite as revision 1 and the models of both tenants left it. History: never edit.

CREATE TABLE crm_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT crm_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE crm_customers (
    tenant VARCHAR(63) NOT NULL,
    kind TEXT NOT NULL,
    name TEXT,
    at BIGINT NOT NULL,
    stage VARCHAR(40) NOT NULL,
    stage_since BIGINT NOT NULL,
    language TEXT,
    zone TEXT,
    region TEXT,
    channels TEXT NOT NULL,
    identifiers TEXT NOT NULL,
    contact_points TEXT NOT NULL,
    roles TEXT NOT NULL,
    relationships TEXT NOT NULL,
    attributes TEXT NOT NULL,
    id BLOB NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE crm_products (
    tenant VARCHAR(63) NOT NULL,
    sku VARCHAR(100) NOT NULL,
    at BIGINT NOT NULL,
    name TEXT,
    category TEXT,
    price_minor BIGINT,
    price_currency TEXT,
    id BLOB NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE crm_keys (
    tenant VARCHAR(63) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    scope VARCHAR(130) NOT NULL,
    value VARCHAR(254) NOT NULL,
    id BLOB NOT NULL,
    claim VARCHAR(254),
    PRIMARY KEY (tenant, kind, scope, value, id)
);

CREATE UNIQUE INDEX ux_crm_keys_claim ON crm_keys (tenant, kind, scope, claim);

CREATE INDEX ix_crm_keys_id ON crm_keys (tenant, kind, id);

CREATE TABLE crm_orders (
    tenant VARCHAR(63) NOT NULL,
    resolved_customer_id BLOB NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BLOB NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80),
    source_key VARCHAR(200),
    id BLOB NOT NULL,
    recorded_at BIGINT,
    actor TEXT,
    total_minor BIGINT NOT NULL,
    total_currency TEXT NOT NULL,
    lines TEXT NOT NULL,
    channel TEXT,
    base_amount_minor BIGINT,
    base_amount_currency TEXT,
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_orders_source_key ON crm_orders (tenant, source, source_key);

CREATE INDEX ix_crm_orders_customer ON crm_orders (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_orders_at ON crm_orders (tenant, at);

CREATE TABLE crm_payments (
    tenant VARCHAR(63) NOT NULL,
    resolved_customer_id BLOB NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BLOB NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80),
    source_key VARCHAR(200),
    id BLOB NOT NULL,
    recorded_at BIGINT,
    actor TEXT,
    order_id BLOB NOT NULL,
    amount_minor BIGINT NOT NULL,
    amount_currency TEXT NOT NULL,
    method TEXT,
    base_amount_minor BIGINT,
    base_amount_currency TEXT,
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_payments_source_key ON crm_payments (tenant, source, source_key);

CREATE INDEX ix_crm_payments_customer ON crm_payments (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_payments_at ON crm_payments (tenant, at);

CREATE INDEX ix_crm_payments_order ON crm_payments (tenant, order_id);

CREATE TABLE crm_fulfilments (
    tenant VARCHAR(63) NOT NULL,
    resolved_customer_id BLOB NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BLOB NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80),
    source_key VARCHAR(200),
    id BLOB NOT NULL,
    recorded_at BIGINT,
    actor TEXT,
    order_id BLOB NOT NULL,
    complete BOOLEAN NOT NULL,
    reference TEXT,
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_fulfilments_source_key ON crm_fulfilments (tenant, source, source_key);

CREATE INDEX ix_crm_fulfilments_customer ON crm_fulfilments (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_fulfilments_at ON crm_fulfilments (tenant, at);

CREATE INDEX ix_crm_fulfilments_order ON crm_fulfilments (tenant, order_id);

CREATE TABLE crm_cancellations (
    tenant VARCHAR(63) NOT NULL,
    resolved_customer_id BLOB NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BLOB NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80),
    source_key VARCHAR(200),
    id BLOB NOT NULL,
    recorded_at BIGINT,
    actor TEXT,
    order_id BLOB NOT NULL,
    reason TEXT,
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_cancellations_source_key ON crm_cancellations (tenant, source, source_key);

CREATE INDEX ix_crm_cancellations_customer ON crm_cancellations (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_cancellations_at ON crm_cancellations (tenant, at);

CREATE INDEX ix_crm_cancellations_order ON crm_cancellations (tenant, order_id);

CREATE TABLE crm_returns (
    tenant VARCHAR(63) NOT NULL,
    resolved_customer_id BLOB NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BLOB NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80),
    source_key VARCHAR(200),
    id BLOB NOT NULL,
    recorded_at BIGINT,
    actor TEXT,
    order_id BLOB NOT NULL,
    amount_minor BIGINT NOT NULL,
    amount_currency TEXT NOT NULL,
    reason TEXT,
    base_amount_minor BIGINT,
    base_amount_currency TEXT,
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_returns_source_key ON crm_returns (tenant, source, source_key);

CREATE INDEX ix_crm_returns_customer ON crm_returns (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_returns_at ON crm_returns (tenant, at);

CREATE INDEX ix_crm_returns_order ON crm_returns (tenant, order_id);

CREATE TABLE crm_interactions (
    tenant VARCHAR(63) NOT NULL,
    resolved_customer_id BLOB NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BLOB NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80),
    source_key VARCHAR(200),
    id BLOB NOT NULL,
    recorded_at BIGINT,
    actor TEXT,
    channel TEXT NOT NULL,
    direction TEXT NOT NULL,
    topic TEXT,
    outcome TEXT,
    subject TEXT,
    waited_seconds BIGINT,
    lasted_seconds BIGINT,
    order_id BLOB,
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_interactions_source_key ON crm_interactions (tenant, source, source_key);

CREATE INDEX ix_crm_interactions_customer ON crm_interactions (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_interactions_at ON crm_interactions (tenant, at);

CREATE TABLE crm_scores (
    tenant VARCHAR(63) NOT NULL,
    resolved_customer_id BLOB NOT NULL,
    schema_version SMALLINT NOT NULL,
    customer_id BLOB NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(80),
    source_key VARCHAR(200),
    id BLOB NOT NULL,
    recorded_at BIGINT,
    actor TEXT,
    scorer VARCHAR(40) NOT NULL,
    value DOUBLE NOT NULL,
    unit TEXT NOT NULL,
    model TEXT,
    why TEXT,
    removed_at BIGINT,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY(tenant, resolved_customer_id) REFERENCES crm_customers (tenant, id)
);

CREATE UNIQUE INDEX ux_crm_scores_source_key ON crm_scores (tenant, source, source_key);

CREATE INDEX ix_crm_scores_customer ON crm_scores (tenant, resolved_customer_id, at);

CREATE INDEX ix_crm_scores_at ON crm_scores (tenant, at);

CREATE TABLE crm_profiles (
    tenant VARCHAR(63) NOT NULL,
    customer_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    name TEXT,
    stage VARCHAR(40) NOT NULL,
    stage_since BIGINT NOT NULL,
    known_since BIGINT NOT NULL,
    language TEXT,
    zone TEXT,
    region TEXT,
    email TEXT,
    phone TEXT,
    attributes TEXT NOT NULL,
    PRIMARY KEY (tenant, customer_id),
    FOREIGN KEY(tenant, customer_id) REFERENCES crm_customers (tenant, id) ON DELETE CASCADE
);

CREATE INDEX ix_crm_profiles_stage ON crm_profiles (tenant, stage, customer_id);

CREATE TABLE crm_journal (
    seq INTEGER NOT NULL,
    tenant VARCHAR(63) NOT NULL,
    position BIGINT,
    kind VARCHAR(20) NOT NULL,
    operation VARCHAR(10) NOT NULL,
    aggregate_id BLOB,
    ids BLOB NOT NULL,
    version BIGINT,
    changes TEXT NOT NULL,
    personal TEXT NOT NULL,
    at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor TEXT,
    source TEXT,
    PRIMARY KEY (seq)
);

CREATE UNIQUE INDEX ux_crm_journal_position ON crm_journal (tenant, position);

CREATE INDEX ix_crm_journal_aggregate ON crm_journal (tenant, kind, aggregate_id);

CREATE TABLE crm_models (
    tenant VARCHAR(63) NOT NULL,
    version BIGINT NOT NULL,
    definition TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, version)
);

INSERT INTO crm_version (version_num) VALUES ('crmcore_0001') RETURNING version_num;

ALTER TABLE crm_profiles ADD COLUMN order_count BIGINT DEFAULT '0' NOT NULL CHECK (order_count > -9007199254740992 AND order_count < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN purchase_count BIGINT DEFAULT '0' NOT NULL CHECK (purchase_count > -9007199254740992 AND purchase_count < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN revenue_minor BIGINT DEFAULT '0' NOT NULL CHECK (revenue_minor > -9007199254740992 AND revenue_minor < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN first_purchase_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN last_purchase_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN returned_minor BIGINT DEFAULT '0' NOT NULL CHECK (returned_minor > -9007199254740992 AND returned_minor < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN paid_minor BIGINT DEFAULT '0' NOT NULL CHECK (paid_minor > -9007199254740992 AND paid_minor < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN interaction_count BIGINT DEFAULT '0' NOT NULL CHECK (interaction_count > -9007199254740992 AND interaction_count < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN last_interaction_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN last_channel TEXT;

ALTER TABLE crm_profiles ADD COLUMN last_channel_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN last_channel__recorded_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN probability_alive DOUBLE;

ALTER TABLE crm_profiles ADD COLUMN probability_alive_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN probability_alive__recorded_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN expected_purchases DOUBLE;

ALTER TABLE crm_profiles ADD COLUMN expected_purchases_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN expected_purchases__recorded_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN lifetime_value DOUBLE;

ALTER TABLE crm_profiles ADD COLUMN lifetime_value_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN lifetime_value__recorded_at BIGINT;

CREATE INDEX IF NOT EXISTS ix_crm_profiles_revenue_minor ON crm_profiles (tenant, revenue_minor, customer_id);

CREATE INDEX IF NOT EXISTS ix_crm_profiles_last_purchase_at ON crm_profiles (tenant, last_purchase_at, customer_id);

ALTER TABLE crm_profiles ADD COLUMN largest_minor BIGINT;

ALTER TABLE crm_profiles ADD COLUMN calls BIGINT DEFAULT '0' NOT NULL CHECK (calls > -9007199254740992 AND calls < 9007199254740992);

ALTER TABLE crm_profiles ADD COLUMN last_topic TEXT;

ALTER TABLE crm_profiles ADD COLUMN last_topic_at BIGINT;

ALTER TABLE crm_profiles ADD COLUMN last_topic__recorded_at BIGINT;

CREATE INDEX IF NOT EXISTS ix_crm_profiles_largest_minor ON crm_profiles (tenant, largest_minor, customer_id);
